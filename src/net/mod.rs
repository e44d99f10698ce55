//! The network without any protocol: endpoints, deadlines, the byte stream `Wire`, traces and their replay.

"""PROGRAM URL PASSWORD: what the program does on a terminal of its own."""
import os, pty, signal, sys, termios, time

program, url, password = sys.argv[1:]


def echoes(fd):
    return bool(termios.tcgetattr(fd)[3] & termios.ECHO)


def run(act):
    # This end keeps the terminal open, so that it can be looked at when the program has ended.
    master, slave = pty.openpty()
    assert echoes(slave)
    child = os.fork()
    if child == 0:
        os.close(master)
        os.login_tty(slave) if hasattr(os, "login_tty") else login(slave)
        os.execv(program, [program, url])
    said = b""
    while b"Password for bob at" not in said:
        said += os.read(master, 1000)
    until = time.time() + 10
    while echoes(slave) and time.time() < until:
        time.sleep(0.01)
    assert not echoes(slave), "it shows what is typed"
    act(master, child)
    _, status = os.waitpid(child, 0)
    assert echoes(slave), "the terminal stays silent"
    os.set_blocking(master, False)
    try:
        while True:
            said += os.read(master, 1000)
    except OSError:
        pass
    assert password.encode() not in said, said
    return os.waitstatus_to_exitcode(status), said


def login(slave):
    import fcntl

    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(slave, fd)


def check(act, expected):
    status, said = run(act)
    assert status == expected, (status, expected, said)


check(lambda master, child: os.write(master, password.encode() + b"\n"), 0)
check(lambda master, child: os.write(master, b"wrong\n"), 77)
check(lambda master, child: os.write(master, b"\n"), 78)
check(lambda master, child: os.write(master, b"\x04"), 78)
check(lambda master, child: os.write(master, b"half" + b"\x03"), -signal.SIGINT)
for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    check(lambda master, child: os.kill(child, name), -name)

//! A server that plays a part: what it says in clear and under TLS, and what it heard.

use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A certificate authority, and what it issues.
pub struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    pub pem: String,
}

/// What a server shows.
#[derive(Clone)]
pub struct Shown {
    pub pem: String,
}

impl Authority {
    pub fn new() -> Authority {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec![]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: rcgen::Issuer::new(params, key), pem }
    }

    /// A certificate for these names, changed by `change`.
    pub fn issue(&self, names: &[&str], change: impl FnOnce(&mut rcgen::CertificateParams)) -> Shown {
        let key = rcgen::KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names).unwrap();
        change(&mut params);
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Shown { pem: made.pem() + &key.serialize_pem() }
    }
}

/// One signed by itself, a CA's, long expired, for another name: all that a chain can't be.
pub fn hopeless() -> Shown {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(vec!["other.example".to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.not_after = rcgen::date_time_ymd(2001, 2, 3);
    let made = params.self_signed(&key).unwrap();
    Shown { pem: made.pem() + &key.serialize_pem() }
}

impl Shown {
    pub fn pin(&self) -> String {
        let certificate = pipepost::net::tls::Certificate::from_pem(self.pem.as_bytes(), "", self.pem.as_bytes(), "");
        certificate.unwrap().pin().unwrap().to_string()
    }

    /// A server's configuration, whatever the certificate is.
    pub fn config(
        &self,
        versions: &[&'static rustls::SupportedProtocolVersion],
        ca: Option<&Authority>,
    ) -> ServerConfig {
        let provider = Arc::new(ring::default_provider());
        let chain = CertificateDer::pem_slice_iter(self.pem.as_bytes()).collect::<Result<Vec<_>, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_slice(self.pem.as_bytes()).unwrap();
        let key = provider.key_provider.load_private_key(key).unwrap();
        let builder = ServerConfig::builder_with_provider(provider.clone()).with_protocol_versions(versions).unwrap();
        let builder = match ca {
            None => builder.with_no_client_auth(),
            Some(ca) => {
                let mut roots = rustls::RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(ca.pem.as_bytes()).unwrap()).unwrap();
                let verifier =
                    rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.unwrap())
            }
        };
        builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, key))))
    }

    pub fn modern(&self) -> Arc<ServerConfig> {
        Arc::new(self.config(rustls::ALL_VERSIONS, None))
    }
}

/// What the server does next.
pub enum Step {
    /// Says this, as it is.
    Say(&'static [u8]),
    /// Hears a line.
    Hear,
    /// Shakes hands.
    Tls(Arc<ServerConfig>),
    /// Says nothing more, and waits for the client to leave.
    Stall,
    /// Closes the connection as a cut cable would: without TLS's goodbye.
    Cut,
}

/// Each line, in order, is what is said to the next line that is heard.
pub fn answers(lines: &[&'static str]) -> Vec<Step> {
    let mut steps = Vec::new();
    for (n, line) in lines.iter().enumerate() {
        if n > 0 {
            steps.push(Step::Hear);
        }
        steps.push(Step::Say(line.as_bytes()));
    }
    steps
}

enum Line {
    Clear(TcpStream),
    Tls(Box<rustls::StreamOwned<rustls::ServerConnection, TcpStream>>),
}

impl Line {
    fn io(&mut self) -> &mut dyn ReadWrite {
        match self {
            Line::Clear(io) => io,
            Line::Tls(io) => io.as_mut(),
        }
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// A server that serves one connection.
pub struct Peer {
    pub port: u16,
    thread: JoinHandle<String>,
}

impl Peer {
    pub fn new(steps: Vec<Step>) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        Peer { port, thread: std::thread::spawn(move || play(&listener, steps)) }
    }

    /// All that it heard: in clear, and under TLS behind a line `== tls`.
    pub fn heard(self) -> String {
        self.thread.join().unwrap()
    }
}

fn play(listener: &TcpListener, steps: Vec<Step>) -> String {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut heard = Vec::new();
    let mut line = Line::Clear(stream);
    for step in steps {
        match step {
            Step::Say(bytes) => {
                if line.io().write_all(bytes).and_then(|()| line.io().flush()).is_err() {
                    break;
                }
            }
            Step::Hear => {
                let mut byte = [0];
                while let Ok(1) = line.io().read(&mut byte) {
                    heard.push(byte[0]);
                    if byte[0] == b'\n' {
                        break;
                    }
                }
            }
            Step::Tls(config) => {
                let Line::Clear(mut io) = line else { panic!("TLS in TLS") };
                let mut connection = rustls::ServerConnection::new(config).unwrap();
                while connection.is_handshaking() {
                    if connection.complete_io(&mut io).is_err() {
                        // The alert.
                        let _ = connection.write_tls(&mut io);
                        return String::from_utf8(heard).unwrap();
                    }
                }
                heard.extend_from_slice(b"== tls\n");
                line = Line::Tls(Box::new(rustls::StreamOwned::new(connection, io)));
            }
            Step::Stall => break,
            Step::Cut => return String::from_utf8(heard).unwrap(),
        }
    }
    // What comes when nothing should.
    let mut rest = Vec::new();
    let _ = line.io().read_to_end(&mut rest);
    heard.extend(rest);
    String::from_utf8_lossy(&heard).into_owned()
}

//! The ports and the socket that mail-serve listens on.

use super::MailServe;
use crate::cli::privileges::Account;
use crate::error::{Error, Exit, Local, Result};
use crate::net::endpoint::Service;
use crate::server::listen::{Door, Listener};
use crate::text::escape;
use rustix::fs::Mode;
use std::net::TcpListener;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// All of them. The socket's name goes away with this value.
pub(super) struct Doors {
    pub(super) listeners: Vec<Listener>,
    names: Vec<(String, String)>,
    _socket: Option<Name>,
}

impl Doors {
    /// Opens what `server` asks for; `user` will use the socket.
    ///
    /// # Errors
    /// 73: something else listens there; 74: the socket can't be given to the user.
    pub(super) fn open(server: &MailServe, user: Option<Account>) -> Result<Doors> {
        let (smtp, pop3, imap) = (server.smtp_port, server.pop3_port, server.imap_port);
        // Who wants any free port has another server running.
        let under_tls = |port: Option<u16>, plain: u16, usual: u16| port.unwrap_or(if plain == 0 { 0 } else { usual });
        let ports = [
            (Some(smtp), Service::Smtp, false),
            (Some(pop3), Service::Pop3, false),
            (Some(imap), Service::Imap, false),
            (Some(under_tls(server.smtps_port, smtp, 1465)), Service::Smtp, true),
            (Some(under_tls(server.pop3s_port, pop3, 1995)), Service::Pop3, true),
            (Some(under_tls(server.imaps_port, imap, 1993)), Service::Imap, true),
            (server.lmtp_port, Service::Lmtp, false),
        ];
        let mut doors = Doors { listeners: Vec::new(), names: Vec::new(), _socket: None };
        for (port, service, implicit_tls) in ports {
            let Some(port) = port else { continue };
            let name = format!("{}{}", service.word(), if implicit_tls { "s" } else { "" });
            let socket = TcpListener::bind((server.listen, port)).creating(format!("{name} port {port}"))?;
            let address = socket.local_addr().local("listening socket")?;
            doors.names.push((name, address.to_string()));
            doors.listeners.push(Listener { door: Door::Tcp(socket), service, implicit_tls });
        }
        if let Some(path) = &server.lmtp_socket {
            let socket = unix(path)?;
            doors._socket = Some(Name(path.clone()));
            if let Some(user) = user {
                user.give(path)?;
            }
            doors.names.push(("lmtp+unix".to_owned(), escape(path.as_os_str().as_encoded_bytes())));
            doors.listeners.push(Listener { door: Door::Unix(socket), service: Service::Lmtp, implicit_tls: false });
        }
        Ok(doors)
    }

    /// The socket of `--system`, which everybody may use; its directory is made if it is not there.
    ///
    /// # Errors
    /// 73: something else listens there, or it can't be made.
    pub(super) fn of_system(path: &Path) -> Result<Doors> {
        if let Some(dir) = path.parent().filter(|dir| !dir.exists()) {
            let strict = rustix::process::umask(Mode::WGRP | Mode::WOTH);
            let made = std::fs::create_dir_all(dir).creating(dir.display());
            rustix::process::umask(strict);
            made?;
        }
        let socket = unix(path)?;
        let name = Name(path.to_owned());
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666)).creating(path.display())?;
        let names = vec![("smtp+unix".to_owned(), escape(path.as_os_str().as_encoded_bytes()))];
        let listeners = vec![Listener { door: Door::Unix(socket), service: Service::Smtp, implicit_tls: false }];
        Ok(Doors { listeners, names, _socket: Some(name) })
    }

    /// What is told of them, a line each.
    pub(super) fn lines(&self) -> String {
        self.names.iter().map(|(name, at)| format!("{name} {at}\n")).collect()
    }
}

/// The umask lets nobody else connect. A name that a server left behind which was killed is taken over.
fn unix(path: &Path) -> Result<UnixListener> {
    let left = std::fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_socket());
    if left {
        if UnixStream::connect(path).is_ok() {
            return Err(Error::new(Exit::CantCreate, format!("{}: another server listens", path.display())));
        }
        std::fs::remove_file(path).creating(path.display())?;
    }
    UnixListener::bind(path).creating(path.display())
}

struct Name(PathBuf);

impl Drop for Name {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

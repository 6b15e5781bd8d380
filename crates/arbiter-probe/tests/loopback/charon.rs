//! A daemon that speaks vici over a unix socket, in good manners and bad. It writes messages by code of its own.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// How it answers.
#[derive(Debug, Clone)]
pub enum Manner {
    /// It has these child SAs: name, remote host, state.
    Has(Vec<(&'static str, &'static str, &'static str)>),
    /// It confirms the registration, then sends these bytes for an answer.
    Sends(Vec<u8>),
    /// It reads the first request and closes the connection.
    Closes,
    /// It accepts, and says nothing.
    Silent,
}

pub struct Charon {
    socket: PathBuf,
    manner: Arc<Mutex<Manner>>,
}

impl Charon {
    pub fn start(manner: Manner) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let socket = std::env::temp_dir().join(format!("charon-{}-{number}.vici", std::process::id()));
        std::fs::remove_file(&socket).ok();
        let listener = UnixListener::bind(&socket).unwrap();
        let manner = Arc::new(Mutex::new(manner));
        let shared = Arc::clone(&manner);
        // It ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let manner = shared.lock().unwrap().clone();
                // What the other side has given up is no failure.
                std::thread::spawn(move || answer(stream, &manner).ok());
            }
        });
        Self { socket, manner }
    }

    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub fn becomes(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }
}

impl Drop for Charon {
    fn drop(&mut self) {
        std::fs::remove_file(&self.socket).ok();
    }
}

fn answer(mut stream: UnixStream, manner: &Manner) -> std::io::Result<()> {
    let first = request(&mut stream)?;
    assert_eq!(first, b"\x03\x07list-sa");
    match manner {
        Manner::Closes => return Ok(()),
        Manner::Silent => return stream.read_to_end(&mut Vec::new()).map(|_| ()),
        Manner::Has(_) | Manner::Sends(_) => stream.write_all(b"\0\0\0\x01\x05")?,
    }
    let command = request(&mut stream)?;
    assert_eq!(command, b"\0\x08list-sas\x03\x07noblock\0\x03yes\x03\x05child\0\x06tunnel");
    if let Manner::Sends(bytes) = manner {
        stream.write_all(bytes)?;
        return stream.read_to_end(&mut Vec::new()).map(|_| ());
    }
    let Manner::Has(sas) = manner else { return Ok(()) };
    for (number, (name, remote, state)) in sas.iter().enumerate() {
        stream.write_all(&sa(number, name, remote, state))?;
    }
    stream.write_all(b"\0\0\0\x01\x01")
}

fn request(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let mut bytes = vec![0; u32::from_be_bytes(size) as usize];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The event for one IKE SA with one child, as strongSwan 5.9 writes it.
pub fn sa(number: usize, name: &str, remote: &str, state: &str) -> Vec<u8> {
    let short = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
    let value = |key: &str, text: &str| {
        [&[3], short(key).as_slice(), &(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
    };
    let begin = |text: &str| [&[1], short(text).as_slice()].concat();
    let body = [
        [&[7], short("list-sa").as_slice()].concat(),
        begin("home"),
        value("uniqueid", &number.to_string()),
        value("state", "ESTABLISHED"),
        value("remote-host", remote),
        begin("child-sas"),
        begin(&format!("{name}-{number}")),
        value("name", name),
        value("state", state),
        [&[4], short("local-ts").as_slice(), b"\x05\0\x0d172.16.0.0/16\x06"].concat(),
        vec![2, 2, 2],
    ]
    .concat();
    [(body.len() as u32).to_be_bytes().to_vec(), body].concat()
}

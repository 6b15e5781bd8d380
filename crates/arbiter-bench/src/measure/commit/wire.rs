//! One round trip over loopback TCP, without anything above it.

use crate::sheet::ms;
use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A connection whose other end says one byte for each message. Messages carry their length before them.
pub(super) struct Echo {
    stream: TcpStream,
    _other_end: JoinSet<()>,
}

impl Echo {
    pub async fn start() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.context("no loopback listener")?;
        let address = listener.local_addr()?;
        let mut other_end = JoinSet::new();
        other_end.spawn(async move {
            if let Ok((stream, _)) = listener.accept().await {
                // It ends with the connection; what is wrong with that is seen at our end.
                drop(answer(stream).await);
            }
        });
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, _other_end: other_end })
    }

    /// Sends the bytes and waits for the answer.
    pub async fn round_trip(&mut self, bytes: &[u8]) -> anyhow::Result<f64> {
        let length = u32::try_from(bytes.len())?.to_be_bytes();
        let message = [&length, bytes].concat();
        let start = Instant::now();
        self.stream.write_all(&message).await?;
        self.stream.read_u8().await?;
        Ok(ms(start.elapsed()))
    }
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut bytes = Vec::new();
    loop {
        let length = stream.read_u32().await?;
        bytes.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        stream.read_exact(&mut bytes).await?;
        stream.write_u8(1).await?;
    }
}

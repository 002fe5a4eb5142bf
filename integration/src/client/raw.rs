//! Bytes on a socket, for requests that no HTTP library would send: malformed, halved, pipelined.

use crate::wait::DEADLINE;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A TCP connection. Dropping it closes it, whatever is under way.
#[derive(Debug)]
pub struct RawConnection(TcpStream);

impl RawConnection {
    /// Connects.
    pub async fn open(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).await.expect("the listener accepts");
        stream.set_nodelay(true).expect("a fresh socket takes options");
        Self(stream)
    }

    /// Writes now.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.expect("the peer still reads");
    }

    /// Reads until the text so far contains `wanted`; panics if the peer closes before.
    pub async fn read_until(&mut self, wanted: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&seen);
            if text.contains(wanted) {
                return text.into_owned();
            }
            let read =
                timeout(DEADLINE, self.0.read_buf(&mut seen)).await.expect("bytes before the deadline");
            let closed = !matches!(read, Ok(1..));
            assert!(!closed, "closed before {wanted:?}: {}", String::from_utf8_lossy(&seen));
        }
    }

    /// Reads until the peer closes.
    pub async fn read_to_end(&mut self) -> String {
        let mut seen = Vec::new();
        // A reset is an end too.
        let _ = timeout(DEADLINE, self.0.read_to_end(&mut seen)).await.expect("the peer closes");
        String::from_utf8_lossy(&seen).into_owned()
    }
}

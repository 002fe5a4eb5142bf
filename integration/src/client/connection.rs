//! One TCP connection and the task that drives it.

use crate::serve::BoxError;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// What the connection speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 with keep-alive.
    Http1,
    /// HTTP/2 without TLS, by prior knowledge.
    Http2,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

/// Closes the socket when the last holder drops it.
#[derive(Debug)]
pub(super) struct Driver(JoinHandle<()>);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[derive(Debug)]
pub(super) struct Connection {
    sender: Sender,
    driver: Arc<Driver>,
}

/// What a sent request turns into.
pub(super) type Sent = Pin<Box<dyn Future<Output = Result<Response<Incoming>, BoxError>> + Send>>;

impl Connection {
    async fn open(addr: SocketAddr, protocol: Protocol) -> Result<Self, BoxError> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let io = TokioIo::new(stream);
        let (sender, driving) = match protocol {
            Protocol::Http1 => {
                let (sender, driver) = http1::handshake(io).await?;
                (Sender::Http1(sender), tokio::spawn(async move { drop(driver.await) }))
            }
            Protocol::Http2 => {
                let (sender, driver) = http2::handshake(TokioExecutor::new(), io).await?;
                (Sender::Http2(sender), tokio::spawn(async move { drop(driver.await) }))
            }
        };
        Ok(Self { sender, driver: Arc::new(Driver(driving)) })
    }

    async fn is_ready(&mut self) -> bool {
        match &mut self.sender {
            Sender::Http1(sender) => sender.ready().await.is_ok(),
            Sender::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    /// Whoever holds this keeps the socket open.
    pub(super) fn driver(&self) -> Arc<Driver> {
        Arc::clone(&self.driver)
    }

    pub(super) fn send(&mut self, request: Request<Full<Bytes>>) -> Sent {
        match &mut self.sender {
            Sender::Http1(sender) => {
                let response = sender.send_request(request);
                Box::pin(async move { Ok(response.await?) })
            }
            Sender::Http2(sender) => {
                let response = sender.send_request(request);
                Box::pin(async move { Ok(response.await?) })
            }
        }
    }
}

/// The connection in `slot`, opened if there is none or if the peer has closed it.
pub(super) async fn ready(
    slot: &mut Option<Connection>,
    addr: SocketAddr,
    protocol: Protocol,
) -> Result<&mut Connection, BoxError> {
    let usable = match slot {
        Some(connection) => connection.is_ready().await,
        None => false,
    };
    if !usable {
        *slot = Some(Connection::open(addr, protocol).await?);
    }
    slot.as_mut().ok_or_else(|| "no connection".into())
}

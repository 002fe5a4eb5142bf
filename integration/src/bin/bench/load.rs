//! A closed loop: so many connections, each asking again as soon as it has its answer.

use crate::head::{end_of_head, number, value};
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::LocalSet;

/// No measurement may take longer.
const DEADLINE: Duration = Duration::from_secs(60);

/// What came of a load.
pub(crate) struct Outcome {
    /// Of every request, in no order.
    pub(crate) latencies: Vec<Duration>,
    /// The status that all answers had.
    pub(crate) status: u16,
}

/// Sends `request` `count` times over `connections` connections. Panics if two answers differ in status.
pub(crate) async fn run(addr: SocketAddr, request: &[u8], count: usize, connections: usize) -> Outcome {
    let request: Rc<[u8]> = request.into();
    let left = Rc::new(Cell::new(count));
    let seen = Rc::new(RefCell::new(Vec::with_capacity(count)));
    let local = LocalSet::new();
    let workers: Vec<_> = (0..connections)
        .map(|_| local.spawn_local(work(addr, Rc::clone(&request), Rc::clone(&left), Rc::clone(&seen))))
        .collect();
    let all = local.run_until(async {
        for worker in workers {
            worker.await.expect("a connection did not panic").expect("a connection did not break");
        }
    });
    tokio::time::timeout(DEADLINE, all).await.expect("the load ends in time");
    let seen = seen.take();
    let status = seen.first().map_or(0, |(_, status)| *status);
    assert!(seen.iter().all(|(_, other)| *other == status), "answers differ in status");
    Outcome { latencies: seen.into_iter().map(|(latency, _)| latency).collect(), status }
}

async fn work(
    addr: SocketAddr,
    request: Rc<[u8]>,
    left: Rc<Cell<usize>>,
    seen: Rc<RefCell<Vec<(Duration, u16)>>>,
) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(64 * 1024);
    while let Some(rest) = left.get().checked_sub(1) {
        left.set(rest);
        let begun = Instant::now();
        stream.write_all(&request).await?;
        let status = read_answer(&mut stream, &mut buffer).await?;
        seen.borrow_mut().push((begun.elapsed(), status));
    }
    Ok(())
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> std::io::Result<u16> {
    buffer.clear();
    let mut body: Option<(usize, Option<usize>)> = None;
    loop {
        if stream.read_buf(buffer).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        // The head is looked at once, however many pieces the body comes in.
        if body.is_none() {
            body =
                end_of_head(buffer).map(|head| (head, value(&buffer[..head], "content-length").map(number)));
        }
        let is_whole = match body {
            None => false,
            Some((head, Some(length))) => buffer.len() >= head + length,
            Some((_, None)) => buffer.ends_with(b"\r\n0\r\n\r\n"),
        };
        if is_whole {
            let status = number(&buffer["HTTP/1.1 ".len()..][..3]);
            return Ok(u16::try_from(status).expect("three digits"));
        }
    }
}

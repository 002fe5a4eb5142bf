//! An answer's body as a list of steps: write, flush, pause, wait at a gate, break off.

use super::State;
use super::behaviour::{Behaviour, Chunks, Cut, Hold};
use super::figures::Usage;
use crate::serve::BoxError;
use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

enum Step {
    Write(Bytes),
    /// Yields once, so that hyper flushes what it has before the next step.
    Flush,
    Wait(Pin<Box<dyn Future<Output = ()> + Send>>),
    Break,
}

/// The body. Its drop tells the books whether it was read to its end.
pub(super) struct Output {
    steps: VecDeque<Step>,
    length: u64,
    outcome: Outcome,
}

/// Books exactly one of finished, cut and aborted, at the latest when it is dropped.
pub(super) struct Outcome {
    state: Arc<State>,
    usage: Usage,
    booked: bool,
}

impl Outcome {
    pub(super) fn new(state: Arc<State>) -> Self {
        Self { state, usage: Usage::default(), booked: false }
    }

    pub(super) fn cut(mut self) {
        self.booked = true;
        self.state.ledger.cut();
    }

    pub(super) fn with_usage(self, usage: Usage) -> Self {
        let mut this = self;
        this.usage = usage;
        this
    }

    fn finish(&mut self) {
        if !self.booked {
            self.booked = true;
            self.state.ledger.finished(self.usage);
        }
    }
}

impl Drop for Outcome {
    fn drop(&mut self) {
        if !self.booked {
            self.state.ledger.aborted();
        }
    }
}

impl Output {
    /// Divides `pieces` as the behaviour says.
    pub(super) fn new(pieces: Vec<Bytes>, behaviour: &Behaviour, outcome: Outcome) -> Self {
        let length: usize = pieces.iter().map(Bytes::len).sum();
        let mut writes = divide(pieces, &behaviour.chunks);
        let kept = match behaviour.cut {
            Cut::Midway => Some(length / 2),
            Cut::AfterBytes(bytes) => Some(bytes.min(length)),
            Cut::No | Cut::BeforeAnswer => None,
        };
        if let Some(kept) = kept {
            truncate(&mut writes, kept);
        }
        let mut steps = VecDeque::new();
        for (index, write) in writes.into_iter().enumerate() {
            if index > 0 && !behaviour.pause.is_zero() {
                // Within the block, so that the pause begins when its turn comes.
                let pause = behaviour.pause;
                steps.push_back(Step::Wait(Box::pin(async move { tokio::time::sleep(pause).await })));
            }
            steps.push_back(Step::Write(write));
            if let Hold::AfterChunks(after, gate) = &behaviour.hold
                && index + 1 == *after
            {
                let gate = gate.clone();
                steps.push_back(Step::Wait(Box::pin(async move { gate.pass().await })));
            }
        }
        if kept.is_some() {
            steps.extend([Step::Flush, Step::Break]);
        }
        Self { steps, length: length as u64, outcome }
    }

    /// The body's full length, whatever will be cut off.
    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

fn divide(pieces: Vec<Bytes>, chunks: &Chunks) -> Vec<Bytes> {
    let whole = || {
        pieces.iter().fold(BytesMut::new(), |mut all, piece| {
            all.extend_from_slice(piece);
            all
        })
    };
    let places: Vec<usize> = match chunks {
        Chunks::Each => return pieces,
        Chunks::Whole => return vec![whole().freeze()],
        Chunks::Every(bytes) => {
            let total: usize = pieces.iter().map(Bytes::len).sum();
            (1..).map(|n| n * bytes.max(&1)).take_while(|place| *place < total).collect()
        }
        Chunks::At(places) => places.clone(),
    };
    let mut rest = whole().freeze();
    let mut done = 0;
    let mut writes = Vec::new();
    for place in places {
        let next = rest.split_to(place.saturating_sub(done).min(rest.len()));
        done += next.len();
        writes.push(next);
    }
    writes.push(rest);
    writes.retain(|write| !write.is_empty());
    writes
}

fn truncate(writes: &mut Vec<Bytes>, mut kept: usize) {
    for write in writes.iter_mut() {
        write.truncate(kept);
        kept -= write.len();
    }
    writes.retain(|write| !write.is_empty());
}

impl Body for Output {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        loop {
            match this.steps.pop_front() {
                None => {
                    this.outcome.finish();
                    return Poll::Ready(None);
                }
                Some(Step::Write(bytes)) => {
                    if this.steps.is_empty() {
                        this.outcome.finish();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Step::Flush) => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Step::Wait(mut waiting)) => {
                    if waiting.as_mut().poll(context).is_pending() {
                        this.steps.push_front(Step::Wait(waiting));
                        return Poll::Pending;
                    }
                }
                Some(Step::Break) => {
                    this.outcome.booked = true;
                    this.outcome.state.ledger.cut();
                    return Poll::Ready(Some(Err("the simulator cuts this answer".into())));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::{Chunks, divide, truncate};
    use bytes::Bytes;

    fn pieces() -> Vec<Bytes> {
        vec![Bytes::from_static(b"abc"), Bytes::from_static(b"defgh")]
    }

    #[test]
    fn every_plan_keeps_the_bytes() {
        assert_eq!(divide(pieces(), &Chunks::Each), pieces());
        assert_eq!(divide(pieces(), &Chunks::Whole), ["abcdefgh"]);
        assert_eq!(divide(pieces(), &Chunks::Every(3)), ["abc", "def", "gh"]);
        assert_eq!(divide(pieces(), &Chunks::At(vec![1, 1, 5, 99])), ["a", "bcde", "fgh"]);
    }

    #[test]
    fn a_cut_keeps_exactly_the_bytes_before_it() {
        let mut writes = pieces();
        truncate(&mut writes, 4);
        assert_eq!(writes, ["abc", "d"]);
    }
}

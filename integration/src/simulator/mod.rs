//! A provider of AI, simulated: real OpenAI shapes, deterministic figures, bad behaviour on demand.
//!
//! It answers `/v1/chat/completions`, `/v1/responses` and `/v1/embeddings`, whole or streamed, the chats of the
//! [`provider`]s with APIs of their own, and anything else with OpenAI's 404. It records every request as it arrived, in what order, and what usage it has
//! served, so that a test can compare the filter's books with the provider's.
//!
//! How it behaves is a [`Behaviour`]: one for all calls ([`Simulator::behave`]), one for the next call only
//! ([`Simulator::next`]), and single knobs by `x-sim-*` request headers, in rising order of precedence.

mod behaviour;
mod call;
mod chat;
mod embeddings;
mod figures;
mod output;
mod provider;
mod record;
mod respond;
mod responses;
mod shape;

pub use behaviour::{Behaviour, Canned, Chunks, Cut, Gzip, Hold};
pub use figures::Usage;
pub use record::{Received, Served};

use crate::gate::Gate;
use crate::serve::Server;
use crate::wait;
use record::Ledger;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A running provider. Dropping it cuts every connection.
#[derive(Debug)]
pub struct Simulator {
    server: Server,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    standing: Mutex<Behaviour>,
    queued: Mutex<VecDeque<Behaviour>>,
    ledger: Ledger,
}

impl Simulator {
    /// Starts on a free loopback port.
    pub async fn start() -> Self {
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| respond::respond(Arc::clone(&shared), request)).await;
        Self { server, state }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// How it answers from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        *lock(&self.state.standing) = behaviour;
    }

    /// How it answers the next call that has no queued behaviour before it.
    pub fn next(&self, behaviour: Behaviour) {
        lock(&self.state.queued).push_back(behaviour);
    }

    /// Holds every answer from now on; open the gate to release them.
    pub fn hold(&self, gate: &Gate) {
        self.behave(Behaviour { hold: Hold::BeforeAnswer(gate.clone()), ..Behaviour::default() });
    }

    /// Every request, in order of arrival.
    pub fn received(&self) -> Vec<Received> {
        self.state.ledger.received()
    }

    /// The only request there was; panics if there were none or several.
    pub fn only_request(&self) -> Received {
        let mut all = self.received();
        assert_eq!(all.len(), 1, "expected one request at the provider, saw {all:#?}");
        all.remove(0)
    }

    /// What was answered so far.
    pub fn served(&self) -> Served {
        self.state.ledger.served()
    }

    /// Waits until `count` requests have arrived in full.
    pub async fn wait_received(&self, count: usize) {
        let complete = || self.received().iter().filter(|request| request.complete).count();
        wait::for_condition(&format!("{count} requests reached the provider"), || complete() >= count).await;
    }

    /// Waits until `count` answers were given up by the other side.
    pub async fn wait_aborted(&self, count: usize) {
        let what = format!("{count} answers were aborted at the provider");
        wait::for_condition(&what, || self.served().aborted >= count).await;
    }
}

impl State {
    fn behaviour(&self) -> Behaviour {
        lock(&self.queued).pop_front().unwrap_or_else(|| lock(&self.standing).clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panicking test must not hide behind a poisoned lock.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

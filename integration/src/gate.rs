//! A gate that holds answers until it is opened by hand, or until enough parties have arrived.
//!
//! Races become tests with it: `Gate::after(10)` lets nobody through before ten calls have either reached
//! the provider ([`Gate::pass`] counts them) or been decided without it ([`Gate::count_one`]).
//! Once open it stays open.

use std::sync::Arc;
use tokio::sync::watch;

/// A cheap handle; clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate {
    arrived: Arc<watch::Sender<usize>>,
    needed: usize,
}

impl Gate {
    /// Closed until [`Gate::open`].
    pub fn closed() -> Self {
        Self::after(usize::MAX)
    }

    /// Closed until `needed` arrivals have been counted.
    pub fn after(needed: usize) -> Self {
        Self { arrived: Arc::new(watch::Sender::new(0)), needed }
    }

    /// Opens the gate for good.
    pub fn open(&self) {
        self.arrived.send_replace(usize::MAX);
    }

    /// Counts an arrival that does not wait, such as a call that was refused on its way.
    pub fn count_one(&self) {
        self.arrived.send_modify(|count| *count = count.saturating_add(1));
    }

    /// Arrivals counted so far; `usize::MAX` after [`Gate::open`].
    pub fn arrived(&self) -> usize {
        *self.arrived.borrow()
    }

    /// Counts this arrival and waits until the gate is open.
    pub async fn pass(&self) {
        self.count_one();
        let mut arrived = self.arrived.subscribe();
        // The sender lives in `self`, so this ends only by the gate being open.
        let _ = arrived.wait_for(|count| *count >= self.needed).await;
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;

    #[tokio::test]
    async fn a_gate_opens_when_enough_have_arrived_or_been_counted() {
        let gate = Gate::after(2);
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.pass().await }
        });
        while gate.arrived() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(!waiting.is_finished());
        gate.count_one();
        waiting.await.unwrap();
    }
}

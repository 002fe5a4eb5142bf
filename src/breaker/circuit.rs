//! One circuit: closed, open or half open.
//!
//! Pure and total. Every change of phase takes a new number from the record's sequence, and so does every probe: what a
//! call reports counts only in the phase that let it through, so that nobody's late answer opens or closes anything.

use crate::config::Breaker;

/// Into how many slices the window of a rate is divided.
pub(crate) const SLICES: u64 = 8;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The provider answered.
    Success,
    /// It failed; the circuit stays open at least so long if this opens it.
    Failure {
        /// What the provider asked for.
        at_least_ms: Option<u64>,
    },
    /// It asked to be left alone: opens the circuit at once.
    Trip {
        /// What the provider asked for.
        at_least_ms: Option<u64>,
    },
    /// Nothing is known of the provider: the call never left, or its caller did not wait.
    Unknown,
}

/// One slice of a rate's window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// The slice's number since the epoch.
    pub(crate) index: u64,
    pub(crate) calls: u32,
    pub(crate) failures: u32,
}

/// A call that is to find out whether the provider is back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Probe {
    pub(crate) id: u64,
    pub(crate) expires_ns: u64,
}

/// Where a circuit stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Calls pass, failures are counted.
    Closed { consecutive: u32, slices: Vec<Slice> },
    /// Calls are refused until a moment.
    Open { until_ns: u64 },
    /// A bounded number of calls passes.
    HalfOpen { successes: u32, probes: Vec<Probe> },
}

/// A circuit, and the number of its phase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Circuit {
    pub(crate) generation: u64,
    pub(crate) phase: Phase,
}

const fn closed() -> Phase {
    Phase::Closed { consecutive: 0, slices: Vec::new() }
}

/// Whether a call may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go { generation: u64, probe: Option<u64> },
    Stop { retry_after_ms: u64 },
}

/// Where numbers come from: of phases and of probes, none twice.
pub(crate) struct Sequence<'s>(pub(crate) &'s mut u64);

impl Sequence<'_> {
    fn next(&mut self) -> u64 {
        *self.0 = self.0.wrapping_add(1).max(1);
        *self.0
    }
}

impl Circuit {
    /// Asks for one call.
    pub(crate) fn admit(&mut self, breaker: &Breaker, now_ns: u64, sequence: &mut Sequence<'_>) -> Verdict {
        if let Phase::Open { until_ns } = self.phase {
            if now_ns < until_ns {
                return Verdict::Stop { retry_after_ms: millis(until_ns.saturating_sub(now_ns)) };
            }
            self.turn(Phase::HalfOpen { successes: 0, probes: Vec::new() }, sequence);
        }
        let generation = self.generation;
        let Phase::HalfOpen { probes, .. } = &mut self.phase else {
            return Verdict::Go { generation, probe: None };
        };
        probes.retain(|probe| probe.expires_ns > now_ns);
        if probes.len() >= usize::try_from(breaker.probes).unwrap_or(usize::MAX) {
            // Nobody knows when a probe is answered; soon is as honest as it gets.
            return Verdict::Stop { retry_after_ms: 1_000 };
        }
        let id = sequence.next();
        probes.push(Probe { id, expires_ns: after(now_ns, breaker.probe_ttl_ms) });
        Verdict::Go { generation, probe: Some(id) }
    }

    /// Takes what came of a call that `admit` let go; whether that opened the circuit.
    pub(crate) fn report(
        &mut self,
        breaker: &Breaker,
        now_ns: u64,
        (generation, probe): (u64, Option<u64>),
        outcome: Outcome,
        sequence: &mut Sequence<'_>,
    ) -> bool {
        if generation != self.generation {
            return false;
        }
        let next = match &mut self.phase {
            Phase::Closed { consecutive, slices } => {
                if count(breaker, now_ns, consecutive, slices, outcome) {
                    Some(open(breaker, now_ns, outcome))
                } else {
                    None
                }
            }
            Phase::Open { .. } => None,
            Phase::HalfOpen { successes, probes } => {
                let known = probes.len();
                probes.retain(|other| Some(other.id) != probe);
                match outcome {
                    // Given up in the meantime: its slot may be another's.
                    _ if probes.len() == known => None,
                    Outcome::Unknown => None,
                    Outcome::Failure { .. } | Outcome::Trip { .. } => Some(open(breaker, now_ns, outcome)),
                    Outcome::Success => {
                        *successes = successes.saturating_add(1);
                        (*successes >= breaker.close_after).then(closed)
                    }
                }
            }
        };
        let opens = matches!(next, Some(Phase::Open { .. }));
        if let Some(next) = next {
            self.turn(next, sequence);
        }
        opens
    }

    /// A circuit that nothing is known of.
    pub(crate) fn unknown(generation: u64) -> Self {
        Self { generation, phase: closed() }
    }

    /// Whether nothing would be lost by forgetting it, its generation aside.
    pub(crate) fn is_idle(&self, breaker: &Breaker, now_ns: u64) -> bool {
        match &self.phase {
            Phase::Closed { consecutive, slices } => {
                *consecutive == 0 && !slices.iter().any(|slice| is_recent(breaker, now_ns, slice))
            }
            Phase::Open { .. } | Phase::HalfOpen { .. } => false,
        }
    }

    fn turn(&mut self, phase: Phase, sequence: &mut Sequence<'_>) {
        *self = Self { generation: sequence.next(), phase };
    }
}

/// Counts an outcome; whether it opens the circuit.
fn count(
    breaker: &Breaker,
    now_ns: u64,
    consecutive: &mut u32,
    slices: &mut Vec<Slice>,
    outcome: Outcome,
) -> bool {
    let failed = match outcome {
        Outcome::Unknown => return false,
        Outcome::Trip { .. } => return true,
        Outcome::Failure { .. } => true,
        Outcome::Success => false,
    };
    *consecutive = if failed { consecutive.saturating_add(1) } else { 0 };
    let in_a_row = breaker.consecutive.is_some_and(|most| *consecutive >= most);
    in_a_row || (breaker.rate.is_some() && too_many(breaker, now_ns, slices, failed))
}

fn too_many(breaker: &Breaker, now_ns: u64, slices: &mut Vec<Slice>, failed: bool) -> bool {
    let Some(rate) = breaker.rate else { return false };
    slices.retain(|slice| is_recent(breaker, now_ns, slice));
    let index = slice_of(breaker, now_ns);
    if slices.last().is_none_or(|last| last.index != index) {
        slices.push(Slice { index, calls: 0, failures: 0 });
    }
    if let Some(slice) = slices.last_mut() {
        slice.calls = slice.calls.saturating_add(1);
        slice.failures = slice.failures.saturating_add(failed.into());
    }
    let sum = |figure: fn(&Slice) -> u32| slices.iter().map(|slice| u64::from(figure(slice))).sum::<u64>();
    let (calls, failures) = (sum(|slice| slice.calls), sum(|slice| slice.failures));
    calls >= rate.min_calls.into() && failures.saturating_mul(100) >= rate.percent.saturating_mul(calls)
}

/// The number of the slice that a moment is in.
fn slice_of(breaker: &Breaker, now_ns: u64) -> u64 {
    let window_ns = breaker.rate.map_or(0, |rate| rate.window_ms).saturating_mul(NANOS_PER_MILLI);
    now_ns.checked_div(window_ns / SLICES).unwrap_or(0)
}

/// Whether a slice is in the window; one that lies ahead was written under another configuration.
fn is_recent(breaker: &Breaker, now_ns: u64, slice: &Slice) -> bool {
    let now = slice_of(breaker, now_ns);
    breaker.rate.is_some() && slice.index <= now && slice.index.saturating_add(SLICES) > now
}

fn open(breaker: &Breaker, now_ns: u64, outcome: Outcome) -> Phase {
    let at_least_ms = match outcome {
        Outcome::Failure { at_least_ms } | Outcome::Trip { at_least_ms } => at_least_ms,
        Outcome::Success | Outcome::Unknown => None,
    };
    let asked_ms = at_least_ms.unwrap_or(0).min(breaker.max_open_ms);
    // A rate limit says itself how long it lasts; a failure does not become shorter by a promise.
    let open_ms = match outcome {
        Outcome::Trip { at_least_ms: Some(_) } => asked_ms,
        _ => asked_ms.max(breaker.open_ms),
    };
    Phase::Open { until_ns: after(now_ns, open_ms) }
}

fn after(now_ns: u64, ms: u64) -> u64 {
    now_ns.saturating_add(ms.saturating_mul(NANOS_PER_MILLI))
}

fn millis(ns: u64) -> u64 {
    ns.div_ceil(NANOS_PER_MILLI)
}

//! Breakers against a model that remembers everything and computes anew each time.

use std::sync::Arc;

use genops::breaker::{self, Asked, Outcome, Ticket};
use genops::config::Breaker;
use genops::testing::MemoryStore;
use proptest::prelude::*;

use super::{KEY, at, watching};

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(u64),
    Ask,
    /// One of the calls that are out, by its position.
    End(prop::sample::Index, Outcome),
    /// A VM dies with one of the calls that are out.
    Lose(prop::sample::Index),
}

/// A circuit by the book. Times are milliseconds.
enum Phase {
    Closed { history: Vec<(u64, bool)> },
    Open { until: u64 },
    HalfOpen { successes: u32, probes: Vec<(usize, u64)> },
}

struct Model {
    phase: Phase,
    number: usize,
}

/// What the model knows of a call: in which phase it was let go, and as which probe.
type Pass = (usize, Option<usize>);

impl Model {
    fn turn(&mut self, phase: Phase) {
        *self = Self { phase, number: self.number + 1 };
    }

    fn ask(&mut self, breaker: &Breaker, now: u64, id: usize) -> Result<Pass, u64> {
        if let Phase::Open { until } = self.phase {
            if now < until {
                return Err(until - now);
            }
            self.turn(Phase::HalfOpen { successes: 0, probes: Vec::new() });
        }
        let Phase::HalfOpen { probes, .. } = &mut self.phase else { return Ok((self.number, None)) };
        let out = probes.iter().filter(|(_, expires)| *expires > now).count();
        if out >= breaker.probes as usize {
            return Err(1_000);
        }
        probes.push((id, now + breaker.probe_ttl_ms));
        Ok((self.number, Some(id)))
    }

    fn end(&mut self, breaker: &Breaker, now: u64, (number, probe): Pass, outcome: Outcome) {
        if number != self.number {
            return;
        }
        let opens = Phase::Open { until: now + open_ms(breaker, outcome) };
        let failed = matches!(outcome, Outcome::Failure { .. } | Outcome::Trip { .. });
        match &mut self.phase {
            Phase::Closed { history } => {
                if outcome == Outcome::Unknown {
                    return;
                }
                history.push((now, failed));
                if matches!(outcome, Outcome::Trip { .. }) || crossed(breaker, history, now) {
                    self.turn(opens);
                }
            }
            Phase::Open { .. } => {}
            Phase::HalfOpen { successes, probes } => {
                // A probe that expired is nobody's only once another asks: until then it can still be reported.
                let Some(at) = probes.iter().position(|(id, _)| Some(*id) == probe) else { return };
                probes.remove(at);
                if failed {
                    self.turn(opens);
                } else if outcome == Outcome::Success {
                    *successes += 1;
                    if *successes >= breaker.close_after {
                        self.turn(Phase::Closed { history: Vec::new() });
                    }
                }
            }
        }
    }

    /// An ask forgets the probes that have expired.
    fn forget_expired(&mut self, now: u64) {
        if let Phase::HalfOpen { probes, .. } = &mut self.phase {
            probes.retain(|(_, expires)| *expires > now);
        }
    }
}

fn crossed(breaker: &Breaker, history: &[(u64, bool)], now: u64) -> bool {
    let in_a_row = history.iter().rev().take_while(|(_, failed)| *failed).count() as u32;
    let by_rate = breaker.rate.is_some_and(|rate| {
        let slice = |ms: u64| at(ms).as_millis() / (rate.window_ms / 8);
        let recent = history.iter().filter(|(ms, _)| slice(*ms) + 8 > slice(now));
        let (calls, failures) =
            recent.fold((0, 0), |(calls, failures), (_, failed)| (calls + 1, failures + u64::from(*failed)));
        calls >= u64::from(rate.min_calls) && failures * 100 >= rate.percent * calls
    });
    breaker.consecutive.is_some_and(|most| in_a_row >= most) || by_rate
}

fn open_ms(breaker: &Breaker, outcome: Outcome) -> u64 {
    match outcome {
        Outcome::Trip { at_least_ms: Some(ms) } => ms.min(breaker.max_open_ms),
        Outcome::Failure { at_least_ms: Some(ms) } => ms.min(breaker.max_open_ms).max(breaker.open_ms),
        _ => breaker.open_ms,
    }
}

/// What is out: the ticket, what the model knows of it, and when a probe stops counting.
type Out = Vec<(Ticket, Pass, Option<u64>)>;

fn play(breaker: &Arc<Breaker>, steps: &[Step]) {
    let (store, mut model) = (MemoryStore::default(), Model { phase: closed(), number: 0 });
    let (mut now, mut out): (u64, Out) = (0, Vec::new());
    for (id, step) in steps.iter().enumerate() {
        match step {
            Step::Pass(ms) => now += ms,
            Step::Ask => {
                let asked = breaker::ask(&store, at(now), breaker, KEY).unwrap();
                let expected = model.ask(breaker, now, id);
                model.forget_expired(now);
                match (asked, expected) {
                    (Asked::Go(ticket), Ok(pass)) => {
                        let expires = pass.1.map(|_| now + breaker.probe_ttl_ms);
                        out.push((ticket, pass, expires));
                    }
                    (Asked::Stop { retry_after_ms }, Err(expected)) => assert_eq!(retry_after_ms, expected),
                    (asked, expected) => panic!("{asked:?}, but by the book {expected:?}"),
                }
                let probes = |(_, pass, expires): &&(Ticket, Pass, Option<u64>)| {
                    pass.0 == model.number && expires.is_some_and(|expires| expires > now)
                };
                assert!(out.iter().filter(probes).count() <= breaker.probes as usize, "too many probes");
            }
            Step::End(which, outcome) if !out.is_empty() => {
                let (ticket, pass, _) = out.remove(which.index(out.len()));
                let number = model.number;
                model.end(breaker, now, pass, *outcome);
                let opened = breaker::report(&store, at(now), ticket, *outcome).unwrap();
                let expected = model.number != number && matches!(model.phase, Phase::Open { .. });
                assert_eq!(opened, expected);
            }
            Step::Lose(which) if !out.is_empty() => drop(out.remove(which.index(out.len()))),
            Step::End(..) | Step::Lose(_) => {}
        }
    }
}

const fn closed() -> Phase {
    Phase::Closed { history: Vec::new() }
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let asked = || prop::option::of(1_u64..4_000);
    prop_oneof![
        4 => Just(Outcome::Success),
        4 => asked().prop_map(|at_least_ms| Outcome::Failure { at_least_ms }),
        1 => asked().prop_map(|at_least_ms| Outcome::Trip { at_least_ms }),
        1 => Just(Outcome::Unknown),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0_u64..900).prop_map(Step::Pass),
        5 => Just(Step::Ask),
        4 => (any::<prop::sample::Index>(), outcome()).prop_map(|(which, outcome)| Step::End(which, outcome)),
        1 => any::<prop::sample::Index>().prop_map(Step::Lose),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_breaker_does_what_the_book_says(
        consecutive in 1_u32..4,
        by_rate in any::<bool>(),
        (percent, min_calls) in (20_u64..=100, 1_u64..6),
        (probes, close_after) in (1_u32..4, 1_u32..3),
        steps in prop::collection::vec(step(), 0..120),
    ) {
        let rate = format!(r#""rate": {{"percent": {percent}, "window_ms": 2000, "min_calls": {min_calls}}}"#);
        let in_a_row = format!(r#""consecutive": {consecutive}"#);
        let threshold = if by_rate { rate } else { in_a_row };
        let breaker = watching(&format!(
            r#"{threshold}, "open_ms": 700, "max_open_ms": 2000, "probes": {probes},
               "close_after": {close_after}, "probe_ttl_ms": 1500"#
        ));
        play(&breaker, &steps);
    }
}

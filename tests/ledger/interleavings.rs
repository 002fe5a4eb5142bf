//! Every interleaving of three workers with three operations each on plans of two budgets.

use std::cell::RefCell;
use std::sync::Arc;

use genops::amount::{Amount, Unit};
use genops::budget::{Budget, OnExpiry};
use genops::ledger::{self, Balance, Claim, Reservation};
use genops::ports::Store;
use genops::recall::{Recall, Recalling};
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;
use genops::window::{Period, Window};

use crate::auditor::{Event, Figures, Name, Unsettled, audit};
use crate::schedule::{Explored, Worker, explore, explore_all};

const START_S: u64 = 1_771_300_000;

/// What a worker does at one moment. Amounts are for the first budget and the second.
#[derive(Clone, Copy)]
enum Do {
    Reserve(u64, [u64; 2]),
    Post(u64, [u64; 2]),
    Void(u64),
}

struct Plan {
    budgets: [Arc<Budget>; 2],
    workers: Vec<Vec<Do>>,
    /// Whether workers remember what they wrote.
    remembering: bool,
    /// When all is looked at in the end, seconds after the start.
    ends_at_s: u64,
}

impl Plan {
    fn new(limits: [u64; 2], ttl_s: u64, on_expiry: OnExpiry, workers: &[&[Do]]) -> Self {
        let budget = |name, limit| {
            let mut budget = Budget::new(name, Unit::Tokens, Amount::new(limit), Window::utc(Period::Total));
            (budget.ttl_ms, budget.on_expiry) = (ttl_s * 1_000, on_expiry);
            Arc::new(budget)
        };
        let budgets = [budget("a", limits[0]), budget("b", limits[1])];
        let workers = workers.iter().map(|operations| operations.to_vec()).collect();
        Self { budgets, workers, remembering: false, ends_at_s: 0 }
    }

    fn account(&self, budget: usize) -> Name {
        (self.budgets[budget].name.to_string(), String::new(), 0)
    }

    fn balance(&self, store: &MemoryStore, budget: usize) -> Balance {
        ledger::inspect(store, at(self.ends_at_s), &self.budgets[budget], "").unwrap()
    }

    /// The program of one worker. Each operation reports what it saw happen.
    fn work(&self, number: usize, store: &dyn Store, report: &mut dyn FnMut(Vec<Event>)) {
        let mut held: Vec<(usize, Reservation)> = Vec::new();
        let mut call = 0;
        for (position, operation) in self.workers[number].iter().enumerate() {
            let mut log = Vec::new();
            match *operation {
                Do::Reserve(at_s, amounts) => {
                    call = (number * 3 + position) as u32;
                    held.extend(self.reserve(store, at(at_s), call, amounts, &mut log));
                }
                Do::Post(at_s, actuals) => {
                    for (budget, reservation) in held.drain(..) {
                        let actual = actuals[budget];
                        ledger::post(store, at(at_s), reservation, Amount::new(actual)).unwrap();
                        log.push(Event::Posted { call, account: self.account(budget), actual });
                    }
                }
                Do::Void(at_s) => {
                    for (budget, reservation) in held.drain(..) {
                        ledger::void(store, at(at_s), reservation).unwrap();
                        log.push(Event::Voided { call, account: self.account(budget) });
                    }
                }
            }
            report(log);
        }
    }

    fn reserve(
        &self,
        store: &dyn Store,
        now: Timestamp,
        call: u32,
        amounts: [u64; 2],
        log: &mut Vec<Event>,
    ) -> Vec<(usize, Reservation)> {
        // The second budget first: the ledger must put them in order.
        let claim = |budget: usize| Claim {
            budget: &self.budgets[budget],
            key: "",
            amount: Amount::new(amounts[budget]),
        };
        match ledger::reserve_all(store, now, &[claim(1), claim(0)]) {
            Err(refusal) => {
                assert!(refusal.stranded.is_empty());
                Vec::new()
            }
            Ok(reserved) => {
                assert_eq!(reserved.entries.len(), 2);
                let keep = |entry: ledger::Entry| (1 - entry.claim, entry.reservation);
                let held: Vec<_> = reserved.entries.into_iter().map(keep).collect();
                for (budget, reservation) in &held {
                    let (account, amount) = (self.account(*budget), reservation.amount().get());
                    log.push(Event::Reserved { call, account, amount });
                }
                held
            }
        }
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(START_S + seconds)
}

/// Explores a plan: no limit is ever exceeded, and every end is what the auditor says.
fn prove(plan: &Plan, unsettled: Unsettled) -> (Explored, Vec<[Figures; 2]>) {
    let worker = |number: usize| {
        move |store: &dyn Store, report: &mut dyn FnMut(Vec<Event>)| {
            let recall = Recall::default();
            let remembering = Recalling { store, recall: &recall };
            plan.work(number, if plan.remembering { &remembering } else { store }, report);
        }
    };
    let workers: Vec<_> = (0..plan.workers.len()).map(worker).collect();
    let workers: Vec<&Worker<'_, _>> = workers.iter().map(|worker| worker as _).collect();
    let explore = if plan.remembering { explore_all } else { explore };
    let outcomes = RefCell::new(Vec::new());
    let explored = explore(&workers, &mut |store, reports| {
        let figures = [0, 1].map(|budget| {
            let balance = plan.balance(store, budget);
            assert!(balance.remaining() >= 0, "{balance:?} is over the limit");
            Figures { posted: balance.consumed.get(), pending: balance.pending.get() }
        });
        let Some(reports) = reports else { return };
        let log: Vec<Event> = reports.iter().flatten().flatten().cloned().collect();
        let audited = audit(&log, unsettled);
        for (budget, figures) in figures.iter().enumerate() {
            let expected = audited.get(&plan.account(budget)).copied().unwrap_or_default();
            assert_eq!(*figures, expected, "budget {budget}: {log:#?}");
        }
        if !outcomes.borrow().contains(&figures) {
            outcomes.borrow_mut().push(figures);
        }
    });
    println!("{explored:?}, {} outcomes", outcomes.borrow().len());
    (explored, outcomes.into_inner())
}

#[test]
fn every_interleaving_of_three_workers_keeps_two_budgets_exact() {
    // Either budget admits two calls of three at once; which depends on the order.
    let plan = Plan::new(
        [20, 15],
        600,
        OnExpiry::Consume,
        &[
            &[Do::Reserve(0, [10, 5]), Do::Post(1, [4, 5]), Do::Reserve(2, [10, 5])],
            &[Do::Reserve(0, [10, 10]), Do::Void(1), Do::Reserve(2, [5, 6])],
            &[Do::Reserve(0, [8, 5]), Do::Post(1, [8, 0]), Do::Reserve(2, [3, 3])],
        ],
    );
    let (explored, outcomes) = prove(&plan, Unsettled::Pending);
    assert!(explored.states > 1_000 && explored.conflicts > 100 && outcomes.len() > 3, "{explored:?}");
}

#[test]
fn every_interleaving_with_expiring_reservations_keeps_two_budgets_exact() {
    let expiries =
        [(OnExpiry::Consume, Unsettled::ExpiredAsSpent), (OnExpiry::Release, Unsettled::ExpiredAsReleased)];
    for (on_expiry, unsettled) in expiries {
        // Clocks disagree about whether the first reservations have expired, and some are never settled.
        let mut plan = Plan::new(
            [20, 30],
            8,
            on_expiry,
            &[
                &[Do::Reserve(0, [10, 9]), Do::Post(20, [4, 5]), Do::Reserve(20, [7, 7])],
                &[Do::Reserve(0, [10, 9]), Do::Void(20), Do::Reserve(0, [6, 6])],
                &[Do::Reserve(0, [10, 9]), Do::Post(0, [9, 9]), Do::Reserve(20, [9, 9])],
            ],
        );
        plan.ends_at_s = 100;
        let (explored, _) = prove(&plan, unsettled);
        assert!(explored.states > 1_000 && explored.conflicts > 100, "{explored:?}");
    }
}

#[test]
fn every_interleaving_of_workers_that_remember_keeps_two_budgets_exact() {
    let mut plan = Plan::new(
        [20, 15],
        600,
        OnExpiry::Consume,
        &[
            &[Do::Reserve(0, [10, 5]), Do::Post(1, [4, 5]), Do::Reserve(2, [10, 5])],
            &[Do::Reserve(0, [10, 6]), Do::Void(1)],
        ],
    );
    plan.remembering = true;
    let (explored, outcomes) = prove(&plan, Unsettled::Pending);
    assert!(explored.states > 1_000 && explored.conflicts > 100 && outcomes.len() > 1, "{explored:?}");
}

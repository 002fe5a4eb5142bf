//! The ledger against a model that keeps every reservation and adds up from scratch each time.

use std::collections::BTreeMap;
use std::sync::Arc;

use genops::amount::{Amount, Unit};
use genops::awu::Attribute;
use genops::budget::{Budget, Debt, Enforcement, Key, OnExpiry};
use genops::ledger::{self, Cause, Claim, Held, Notices, Reservation, Shortage};
use genops::recall::{Recall, Recalling};
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;
use genops::window::{Period, Window};
use proptest::prelude::*;

use crate::auditor::{Event, Figures, Unsettled, audit};

const START_MS: u64 = 1_771_286_400_000;
const MINUTE_MS: u64 = 60_000;
const KEYS: [&str; 3] = ["red", "blue", "green"];

#[derive(Clone, Copy, Debug)]
enum Action {
    Reserve { budgets: u8, key: usize, amount: u64 },
    Post { which: usize, per_mille: u64 },
    Void { which: usize },
    Wait { ms: u64 },
    StepBack { ms: u64 },
}

fn any_action() -> impl Strategy<Value = Action> {
    let wait = prop_oneof![0..3_000u64, 0..20_000u64, 0..150_000u64];
    prop_oneof![
        6 => (1..16u8, 0..3usize, 0..60u64).prop_map(|(budgets, key, amount)| Action::Reserve { budgets, key, amount }),
        4 => (any::<usize>(), 0..2_500u64).prop_map(|(which, per_mille)| Action::Post { which, per_mille }),
        2 => any::<usize>().prop_map(|which| Action::Void { which }),
        3 => wait.prop_map(|ms| Action::Wait { ms }),
        1 => (0..90_000u64).prop_map(|ms| Action::StepBack { ms }),
    ]
}

fn any_budget(name: &'static str) -> impl Strategy<Value = Arc<Budget>> {
    let enforcement = prop_oneof![4 => Just(Enforcement::Enforce), 1 => Just(Enforcement::Warn)];
    let period = prop_oneof![Just(Period::Minute), Just(Period::Total)];
    let on_expiry = prop_oneof![Just(OnExpiry::Consume), Just(OnExpiry::Release)];
    let debt = prop_oneof![Just(Debt::Carry), Just(Debt::Forgive)];
    (40..300u64, enforcement, period, on_expiry, debt, 1..40_000u64, any::<bool>()).prop_map(
        move |(limit, enforcement, period, on_expiry, debt, ttl_ms, keyed)| {
            let mut budget = Budget::new(name, Unit::Tokens, Amount::new(limit), Window::utc(period));
            budget.limits.insert("red".into(), Amount::new(limit / 2));
            if keyed {
                budget.per = vec![Key::Attribute(Attribute::Team)];
            }
            budget.alert_at = vec![500, 900];
            Arc::new(Budget { enforcement, on_expiry, debt, ttl_ms, ..budget })
        },
    )
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Pending,
    Expired,
    Gone,
}

struct Booking {
    call: u32,
    window: i64,
    amount: u64,
    expires_ms: u64,
    fate: Fate,
}

/// One account for each key of one budget, for all windows; everything is added up anew whenever it is asked.
#[derive(Default)]
struct Naive {
    clock_ms: u64,
    bookings: Vec<Booking>,
    /// Actuals by window, those of reservations that expired included.
    actuals: Vec<(i64, u64)>,
    alerted: BTreeMap<i64, u16>,
}

impl Naive {
    fn window(budget: &Budget, clock_ms: u64) -> i64 {
        if budget.window.period == Period::Minute { (clock_ms / MINUTE_MS) as i64 } else { 0 }
    }

    fn spent(&self, budget: &Budget, window: i64) -> u64 {
        let actuals: u64 =
            self.actuals.iter().filter(|(at, _)| *at == window).map(|(_, actual)| actual).sum();
        let lost = |b: &&Booking| b.window == window && b.fate == Fate::Expired;
        let lost: u64 = self.bookings.iter().filter(lost).map(|booking| booking.amount).sum();
        actuals + if budget.on_expiry == OnExpiry::Consume { lost } else { 0 }
    }

    fn consumed(&self, budget: &Budget, limit: u64, window: i64) -> u64 {
        let first = if budget.debt == Debt::Carry { self.first_window().unwrap_or(window) } else { window };
        let mut debt: u64 = 0;
        for earlier in first..window {
            debt = (debt + self.spent(budget, earlier)).saturating_sub(limit);
        }
        debt + self.spent(budget, window)
    }

    fn first_window(&self) -> Option<i64> {
        let booked = self.bookings.iter().map(|booking| booking.window);
        booked.chain(self.actuals.iter().map(|(window, _)| *window)).min()
    }

    fn pending(&self, window: i64) -> u64 {
        let held = |b: &&Booking| b.window == window && b.fate == Fate::Pending;
        self.bookings.iter().filter(held).map(|booking| booking.amount).sum()
    }

    /// What expires by `clock_ms`, as (reservations, amount).
    fn expire(&mut self, clock_ms: u64) -> (u32, u64) {
        let (mut count, mut amount) = (0, 0);
        for booking in &mut self.bookings {
            if booking.fate == Fate::Pending && booking.expires_ms <= clock_ms {
                (count, amount) = (count + 1, amount + booking.amount);
                booking.fate = Fate::Expired;
            }
        }
        (count, amount)
    }

    fn announce(&mut self, budget: &Budget, limit: u64, window: i64) -> Vec<u16> {
        let consumed = self.consumed(budget, limit, window);
        let told = self.alerted.entry(window).or_default();
        let crossed: Vec<u16> = budget
            .alert_at
            .iter()
            .copied()
            .filter(|at| at > told && consumed * 1_000 >= limit * u64::from(*at))
            .collect();
        *told = crossed.last().copied().unwrap_or(*told);
        crossed
    }
}

struct World {
    store: MemoryStore,
    /// Two workers take turns, each with a memory of its own.
    recalls: [Recall; 2],
    now_ms: u64,
    budgets: Vec<Arc<Budget>>,
    models: BTreeMap<(usize, &'static str), Naive>,
    held: Vec<(usize, &'static str, u32, Reservation)>,
    log: Vec<Event>,
    calls: u32,
}

impl World {
    fn worker(&self, turn: usize) -> Recalling<'_, MemoryStore> {
        Recalling { store: &self.store, recall: &self.recalls[turn % 2] }
    }

    fn key(&self, budget: usize, key: usize) -> &'static str {
        if self.budgets[budget].per.is_empty() { "" } else { KEYS[key] }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Wait { ms } => self.now_ms += ms,
            Action::StepBack { ms } => self.now_ms -= ms,
            Action::Reserve { budgets, key, amount } => self.reserve(budgets, key, amount),
            Action::Post { which, per_mille } if !self.held.is_empty() => self.settle(which, Some(per_mille)),
            Action::Void { which } if !self.held.is_empty() => self.settle(which, None),
            Action::Post { .. } | Action::Void { .. } => {}
        }
        self.compare();
    }

    fn reserve(&mut self, budgets: u8, key: usize, amount: u64) {
        let (now_ms, call) = (self.now_ms, self.calls);
        self.calls += 1;
        let asked: Vec<usize> = (0..self.budgets.len()).rev().filter(|b| budgets >> b & 1 == 1).collect();
        let claims: Vec<Claim<'_>> = asked
            .iter()
            .map(|b| Claim { budget: &self.budgets[*b], key: self.key(*b, key), amount: Amount::new(amount) })
            .collect();
        let result = ledger::reserve_all(&self.worker(key), Timestamp::from_millis(now_ms), &claims);
        // The model, in the order of names.
        let mut admitted = Vec::new();
        let mut refused = None;
        for budget in asked.iter().rev().copied() {
            match self.model_reserve(call, budget, key, amount) {
                Ok(told) => admitted.push((budget, told)),
                Err(why) => {
                    refused = Some((budget, why));
                    break;
                }
            }
        }
        match (result, refused) {
            (Ok(reserved), None) => {
                assert_eq!(reserved.entries.len(), admitted.len());
                for (entry, (budget, (shortage, expired, crossed))) in
                    reserved.entries.into_iter().zip(admitted)
                {
                    assert_eq!(asked[entry.claim], budget);
                    assert_eq!(entry.shortage, shortage);
                    assert_told(&entry.notices, expired, &crossed);
                    let name = self.key(budget, key);
                    let model = self.models.get_mut(&(budget, name)).unwrap();
                    let booking = model.bookings.last_mut().unwrap();
                    booking.expires_ms = entry.reservation.expires_at().as_millis();
                    let ttl_ms = self.budgets[budget].ttl_ms;
                    let held_ms = booking.expires_ms - model.clock_ms;
                    assert!((ttl_ms..=ttl_ms + ttl_ms / 8).contains(&held_ms), "{held_ms} of {ttl_ms}");
                    let account =
                        (self.budgets[budget].name.to_string(), name.to_owned(), booking.window as i32);
                    self.log.push(Event::Reserved { call, account, amount });
                    self.held.push((budget, name, call, entry.reservation));
                }
            }
            (Err(refusal), Some((budget, (shortage, balance)))) => {
                assert_eq!(asked[refusal.claim], budget);
                let Cause::Short(why, left) = refusal.cause else { panic!("{:?}", refusal.cause) };
                assert_eq!((why, left.consumed.get(), left.pending.get()), (shortage, balance.0, balance.1));
                for (budget, _) in admitted {
                    let name = self.key(budget, key);
                    self.models
                        .get_mut(&(budget, name))
                        .unwrap()
                        .bookings
                        .retain(|booking| booking.call != call);
                }
            }
            (result, refused) => panic!("{result:?}, and the model {refused:?}"),
        }
    }

    #[expect(clippy::type_complexity, reason = "what a reservation tells, and what a refusal does")]
    fn model_reserve(
        &mut self,
        call: u32,
        budget: usize,
        key: usize,
        amount: u64,
    ) -> Result<(Option<Shortage>, (u32, u64), Vec<u16>), (Shortage, (u64, u64))> {
        let (name, now_ms) = (self.key(budget, key), self.now_ms);
        let terms = &self.budgets[budget];
        let limit = terms.limit_of(name).get();
        let model = self.models.entry((budget, name)).or_default();
        let clock_ms = model.clock_ms.max(now_ms);
        let window = Naive::window(terms, clock_ms);
        let expired = model.expire(clock_ms);
        let (consumed, pending) = (model.consumed(terms, limit, window), model.pending(window));
        let shortage = match consumed + pending {
            used if used + amount <= limit => None,
            used if used >= limit => Some(Shortage::Exceeded),
            _ => Some(Shortage::Insufficient),
        };
        let crossed = model.announce(terms, limit, window);
        if let (Some(shortage), Enforcement::Enforce) = (shortage, terms.enforcement) {
            if expired.0 > 0 || !crossed.is_empty() {
                model.clock_ms = clock_ms;
            }
            return Err((shortage, (consumed, pending)));
        }
        model.clock_ms = clock_ms;
        model.bookings.push(Booking { call, window, amount, expires_ms: u64::MAX, fate: Fate::Pending });
        Ok((shortage, expired, crossed))
    }

    fn settle(&mut self, which: usize, per_mille: Option<u64>) {
        let (budget, name, call, reservation) = self.held.swap_remove(which % self.held.len());
        let actual = per_mille.map(|per_mille| reservation.amount().get() * per_mille / 1_000);
        let window = i64::from(reservation.window_index());
        let now = Timestamp::from_millis(self.now_ms);
        let settlement = match actual {
            Some(actual) => ledger::post(&self.worker(which), now, reservation, Amount::new(actual)).unwrap(),
            None => ledger::void(&self.worker(which), now, reservation).unwrap(),
        };
        let terms = &self.budgets[budget];
        let limit = terms.limit_of(name).get();
        let account = (terms.name.to_string(), name.to_owned(), window as i32);
        let model = self.models.get_mut(&(budget, name)).unwrap();
        let clock_ms = model.clock_ms.max(self.now_ms);
        let booking = model.bookings.iter().position(|booking| booking.call == call).unwrap();
        if settlement.balance.is_none() {
            // Recycled: only a window before the last one, and only once nothing in it was pending.
            assert!(
                window < Naive::window(terms, clock_ms) && model.bookings[booking].expires_ms <= clock_ms
            );
            assert_eq!(settlement.held, Held::Expired);
            model.bookings[booking].call = u32::MAX;
        } else {
            let expired = model.expire(clock_ms);
            let was = model.bookings[booking].fate;
            assert_eq!(settlement.held == Held::Expired, was == Fate::Expired);
            assert_ne!(settlement.held, Held::Missing);
            model.clock_ms = clock_ms;
            model.bookings[booking].fate = Fate::Gone;
            model.actuals.extend(actual.map(|actual| (window, actual)));
            let crossed = model.announce(terms, limit, window);
            assert_told(&settlement.notices, expired, &crossed);
        }
        self.log.push(match actual {
            Some(actual) => Event::Posted { call, account, actual },
            None => Event::Voided { call, account },
        });
    }

    /// Every account is what the model says.
    fn compare(&mut self) {
        for ((budget, name), model) in &self.models {
            let terms = &self.budgets[*budget];
            let (limit, clock_ms) = (terms.limit_of(name).get(), model.clock_ms.max(self.now_ms));
            let window = Naive::window(terms, clock_ms);
            let balance =
                ledger::inspect(&self.store, Timestamp::from_millis(self.now_ms), terms, name).unwrap();
            let mut later = Naive { clock_ms, ..Naive::default() };
            later.bookings.extend(model.bookings.iter().map(|b| Booking { ..*b }));
            later.actuals.clone_from(&model.actuals);
            later.expire(clock_ms);
            let expected = (later.consumed(terms, limit, window), later.pending(window), limit, window);
            let actual = (
                balance.consumed.get(),
                balance.pending.get(),
                balance.allocated.get(),
                i64::from(balance.window_index),
            );
            assert_eq!(actual, expected, "{} {name}", terms.name);
        }
    }

    /// At rest, long after: what is posted is what the log says, and nothing is pending.
    fn audit(&self) {
        let end = Timestamp::from_millis(self.now_ms + 1_000_000);
        for budget in &self.budgets {
            if budget.window.period != Period::Total {
                continue;
            }
            let unsettled = match budget.on_expiry {
                OnExpiry::Consume => Unsettled::ExpiredAsSpent,
                OnExpiry::Release => Unsettled::ExpiredAsReleased,
            };
            for (account, figures) in audit(&self.log, unsettled) {
                if account.0 == *budget.name {
                    let balance = ledger::inspect(&self.store, end, budget, &account.1).unwrap();
                    let actual = Figures { posted: balance.consumed.get(), pending: balance.pending.get() };
                    assert_eq!(actual, figures, "{account:?}");
                }
            }
        }
    }
}

fn assert_told(notices: &Notices, (reservations, amount): (u32, u64), crossed: &[u16]) {
    assert_eq!((notices.expired.reservations, notices.expired.amount.get()), (reservations, amount));
    assert_eq!(notices.crossed, crossed);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// `PROPTEST_CASES=20000` makes a million operations of it.
    #[test]
    fn the_ledger_does_what_the_naive_model_does(
        budgets in (any_budget("a"), any_budget("b"), any_budget("c"), any_budget("d")),
        actions in prop::collection::vec(any_action(), 1..90),
    ) {
        let mut world = World {
            store: MemoryStore::default(),
            recalls: Default::default(),
            now_ms: START_MS,
            budgets: vec![budgets.0, budgets.1, budgets.2, budgets.3],
            models: BTreeMap::new(),
            held: Vec::new(),
            log: Vec::new(),
            calls: 0,
        };
        for action in actions {
            world.act(action);
        }
        world.audit();
    }
}

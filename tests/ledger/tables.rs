//! Ledger stories as text: each file of `tables/` is a script whose right-hand sides are what really happened.
//!
//! `budget NAME UNIT LIMIT WINDOW [setting=value …]` declares or redeclares a budget; a line `TIME VERB …` acts:
//! `reserve ID BUDGET[/KEY]=AMOUNT …`, `post ID ACTUAL …`, `void ID`, `show BUDGET[/KEY]`, `break BUDGET`, `lose`.
//! `ID` names the reservations of one call. A time without a date is on the date last named.
//! Run with `UPDATE_GOLDEN=1` to write what happens now, and read the difference.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use genops::amount::{Amount, Unit};
use genops::awu::Attribute;
use genops::budget::{Budget, Debt, Enforcement, Key, OnExpiry, OnFull};
use genops::ledger::{self, Balance, Cause, Claim, Notices, Reservation, Shortage};
use genops::ports::Store as _;
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;
use genops::window::{Period, Weekday, Window};

use crate::windows::moment;

#[test]
fn every_table_tells_what_happens() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/ledger/tables");
    let mut tables: Vec<_> = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
    tables.sort();
    assert!(tables.len() >= 8, "tables are missing");
    let mut wrong = String::new();
    for path in tables {
        let expected = std::fs::read_to_string(&path).unwrap();
        let actual = Story::default().run(&expected);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &actual).unwrap();
        } else {
            for (line, (expected, actual)) in expected.lines().zip(actual.lines()).enumerate() {
                if expected != actual {
                    let _ = writeln!(
                        wrong,
                        "{}:{}\n  table:  {expected}\n  ledger: {actual}",
                        path.display(),
                        line + 1
                    );
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[derive(Default)]
struct Story {
    store: MemoryStore,
    date: String,
    budgets: BTreeMap<String, Arc<Budget>>,
    held: BTreeMap<String, Vec<Reservation>>,
}

impl Story {
    fn run(mut self, script: &str) -> String {
        script.lines().map(|line| self.line(line) + "\n").collect()
    }

    fn line(&mut self, line: &str) -> String {
        let action = line.split("->").next().unwrap().trim_end();
        if action.is_empty() || action.starts_with('#') {
            return line.to_owned();
        }
        let words: Vec<&str> = action.split_whitespace().collect();
        if words[0] == "budget" {
            self.declare(&words[1..]);
            return action.to_owned();
        }
        let now = self.moment(words[0]);
        let outcome = match words[1] {
            "reserve" => self.reserve(now, words[2], &words[3..]),
            "post" => self.settle(now, words[2], Some(&words[3..])),
            "void" => self.settle(now, words[2], None),
            "show" => self.show(now, words[2]),
            "break" => self.corrupt(words[2]),
            "lose" => {
                self.store.lose_everything();
                "the store is empty".to_owned()
            }
            verb => panic!("{verb}?"),
        };
        format!("{action:<58} -> {outcome}")
    }

    fn moment(&mut self, time: &str) -> Timestamp {
        let clock = match time.split_once('T') {
            Some((date, clock)) => {
                self.date = date.to_owned();
                clock
            }
            None => time,
        };
        moment(&format!("{}T{clock}", self.date))
    }

    fn declare(&mut self, words: &[&str]) {
        let [name, unit, limit, window, settings @ ..] = words else { panic!("{words:?}?") };
        let unit = if *unit == "tokens" {
            Unit::Tokens
        } else {
            Unit::Money(genops::amount::Currency::parse(unit).unwrap())
        };
        let mut budget = Budget::new(name, unit, amount(limit), Window::utc(period(window)));
        for setting in settings {
            set(&mut budget, setting);
        }
        self.budgets.insert((*name).to_owned(), Arc::new(budget));
    }

    fn reserve(&mut self, now: Timestamp, id: &str, claims: &[&str]) -> String {
        let parsed: Vec<(Arc<Budget>, &str, Amount)> = claims
            .iter()
            .map(|claim| {
                let (target, asked) = claim.split_once('=').unwrap();
                let (name, key) = target.split_once('/').unwrap_or((target, ""));
                (Arc::clone(&self.budgets[name]), key, amount(asked))
            })
            .collect();
        let claims: Vec<Claim<'_>> =
            parsed.iter().map(|(budget, key, amount)| Claim { budget, key, amount: *amount }).collect();
        match ledger::reserve_all(&self.store, now, &claims) {
            Ok(reserved) => {
                let mut shown: Vec<String> = reserved
                    .entries
                    .iter()
                    .map(|e| {
                        let over = e.shortage.map_or("", |s| match s {
                            Shortage::Exceeded => " though exceeded",
                            Shortage::Insufficient => " though insufficient",
                        });
                        format!(
                            "{} {}{over}{}",
                            e.reservation.budget().name,
                            balance(&e.balance),
                            notices(&e.notices)
                        )
                    })
                    .collect();
                shown.extend(
                    reserved
                        .failed
                        .iter()
                        .map(|(claim, error)| format!("{} {error:?}", parsed[*claim].0.name)),
                );
                let reservations = reserved.entries.into_iter().map(|entry| entry.reservation).collect();
                self.held.insert(id.to_owned(), reservations);
                format!("admitted; {}", shown.join("; "))
            }
            Err(refusal) => {
                assert!(refusal.stranded.is_empty());
                let told: String = refusal.notices.iter().map(|(_, told)| notices(told)).collect();
                let name = &parsed[refusal.claim].0.name;
                match refusal.cause {
                    Cause::Short(shortage, left) => {
                        format!("{shortage:?}: {name} {}{}{told}", balance(&left), reset(&left))
                    }
                    Cause::Failed(error) => format!("{error:?}: {name}{told}"),
                }
            }
        }
    }

    fn settle(&mut self, now: Timestamp, id: &str, actuals: Option<&[&str]>) -> String {
        let reservations = self.held.remove(id).unwrap_or_else(|| panic!("{id} is not held"));
        let mut shown = Vec::new();
        for (position, reservation) in reservations.into_iter().enumerate() {
            let name = reservation.budget().name.clone();
            let result = match actuals {
                Some(actuals) => ledger::post(
                    &self.store,
                    now,
                    reservation,
                    amount(actuals[position.min(actuals.len() - 1)]),
                ),
                None => ledger::void(&self.store, now, reservation),
            };
            shown.push(match result {
                Ok(done) => {
                    let state = done.balance.as_ref().map_or_else(|| "recycled".to_owned(), balance);
                    format!("was {:?}; {name} {state}{}", done.held, notices(&done.notices))
                }
                Err(unsettled) => format!("{:?}: {name}", unsettled.error),
            });
        }
        shown.join("; ")
    }

    fn show(&self, now: Timestamp, target: &str) -> String {
        let (name, key) = target.split_once('/').unwrap_or((target, ""));
        let budget = &self.budgets[name];
        match ledger::inspect(&self.store, now, budget, key) {
            Ok(state) => format!("{name} {} in {}", balance(&state), budget.window.label(state.window_index)),
            Err(error) => format!("{error:?}"),
        }
    }

    fn corrupt(&self, name: &str) -> String {
        let mut broken = 0;
        for key in self.store.keys() {
            if key.contains(&format!("/{name}/")) {
                let (mut bytes, _) = self.store.get(&key).unwrap().unwrap();
                bytes.pop();
                self.store.overwrite(&key, &bytes);
                broken += 1;
            }
        }
        format!("{broken} record cut short")
    }
}

fn amount(text: &str) -> Amount {
    Amount::new(text.parse().unwrap())
}

fn period(text: &str) -> Period {
    let (period, anchor) = text.split_once(':').unwrap_or((text, "1"));
    match period {
        "minute" => Period::Minute,
        "hour" => Period::Hour,
        "day" => Period::Day,
        "week" => Period::Week { starts_on: Weekday::Monday },
        "month" => Period::Month { starts_on_day: anchor.parse().unwrap() },
        "total" => Period::Total,
        other => panic!("{other}?"),
    }
}

fn set(budget: &mut Budget, setting: &str) {
    let (name, value) = setting.split_once('=').unwrap();
    match (name, value) {
        ("per", "customer") => budget.per = vec![Key::Attribute(Attribute::CustomerId)],
        ("per", "team") => budget.per = vec![Key::Attribute(Attribute::Team)],
        ("ttl", seconds) => budget.ttl_ms = seconds.parse::<u64>().unwrap() * 1_000,
        ("expiry", "release") => budget.on_expiry = OnExpiry::Release,
        ("expiry", "consume") => budget.on_expiry = OnExpiry::Consume,
        ("debt", "carry") => budget.debt = Debt::Carry,
        ("enforcement", "warn") => budget.enforcement = Enforcement::Warn,
        ("enforcement", "shadow") => budget.enforcement = Enforcement::Shadow,
        ("alert", list) => budget.alert_at = list.split(',').map(|at| at.parse().unwrap()).collect(),
        ("capacity", n) => budget.capacity = n.parse().unwrap(),
        ("full", "shared") => budget.on_full = OnFull::SharedAccount,
        ("utc_offset", minutes) => budget.window.utc_offset_minutes = minutes.parse().unwrap(),
        (key, limit) if key.starts_with("limit/") => {
            budget.limits.insert(key["limit/".len()..].into(), amount(limit));
        }
        other => panic!("{other:?}?"),
    }
}

fn balance(balance: &Balance) -> String {
    format!("{}+{} of {}", balance.consumed.get(), balance.pending.get(), balance.allocated.get())
}

fn reset(balance: &Balance) -> String {
    let Some(at) = balance.resets_at else { return String::new() };
    let day = Window::utc(Period::Day).span_at(at);
    let clock_s = at.as_seconds() - day.starts_at.as_seconds();
    let clock = format!("{:02}:{:02}:{:02}", clock_s / 3_600, clock_s / 60 % 60, clock_s % 60);
    format!(" until {}T{clock}", Window::utc(Period::Day).label(day.index))
}

fn notices(notices: &Notices) -> String {
    let mut shown = String::new();
    if notices.expired.reservations > 0 {
        let _ =
            write!(shown, " (expired {}: {})", notices.expired.reservations, notices.expired.amount.get());
    }
    for at in &notices.crossed {
        let _ = write!(shown, " (alert {at})");
    }
    shown
}

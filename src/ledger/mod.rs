//! The ledger: accounts of many budgets in a shared store, exact under concurrency, bounded, never leaking.
//!
//! A claim is **reserved** (pending), then **posted** with what was really consumed, **voided** when nothing was, or it
//! **expires**. Knows amounts, budgets and a [`Store`]; knows no provider, no price, no attribution, no host.
//!
//! Invariants, whatever the interleaving of workers:
//! - An enforced budget admits a claim only if consumed + pending + amount ≤ limit at one moment in its one record.
//! - Of several claims all are admitted or none.
//! - Every reservation is resolved once. What was posted stays posted in full, above the limit too.
//! - A clock that steps back opens no closed window and revives no expired reservation. (One that jumps ahead is
//!   believed: windows close and reservations expire, until real time catches up.)
//! - The store holds at most [`crate::bucket::BUCKETS`] + 1 records for a budget, of bounded size.
//!
//! ```
//! use std::sync::Arc;
//! use genops::{amount::{Amount, Unit}, budget::Budget, ledger::{self, Claim}, testing::MemoryStore};
//! use genops::{timestamp::Timestamp, window::{Period, Window}};
//!
//! let monthly = Window::utc(Period::Month { starts_on_day: 1 });
//! let budget = Arc::new(Budget::new("organisation", Unit::Tokens, Amount::new(1_000), monthly));
//! let (store, now) = (MemoryStore::default(), Timestamp::from_seconds(1_771_286_400));
//!
//! let claim = Claim { budget: &budget, key: "", amount: Amount::new(600) };
//! let mut reserved = ledger::reserve_all(&store, now, &[claim]).unwrap();
//! assert!(ledger::reserve_all(&store, now, &[claim]).is_err(), "only 400 are left");
//!
//! let reservation = reserved.entries.remove(0).reservation;
//! let settled = ledger::post(&store, now, reservation, Amount::new(250)).unwrap();
//! assert_eq!(settled.balance.unwrap().remaining(), 750);
//! ```

mod account;
mod book;
mod outcome;
mod place;
mod record;
mod transaction;

use std::sync::Arc;

use crate::amount::Amount;
use crate::bucket::Failure;
use crate::budget::{Budget, Enforcement, OnFull};
use crate::ports::Store;
use crate::timestamp::Timestamp;

use self::account::{Expiry, Hold, NotReserved};
use self::book::Book;
use self::place::Place;
use self::transaction::{Step, transact};

pub use self::account::{Expired, Held, Shortage};
pub use self::outcome::{
    Balance, Cause, Claim, Crossed, Entry, Notices, Refusal, Reservation, Reserved, Settlement, Unsettled,
};
pub use crate::bucket::{MAX_ATTEMPTS, MAX_KEY_BYTES};

/// Reserves every claim, or none. Budgets are asked in the order of their names, then keys, whatever the order of
/// `claims`, so that equal plans meet in the same order everywhere; a refusal voids in reverse what came before it.
///
/// A claim on a budget that does not enforce is never the reason for a refusal.
///
/// # Errors
/// [`Refusal`] names the first claim in canonical order that was refused.
pub fn reserve_all<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    claims: &[Claim<'_>],
) -> Result<Reserved, Refusal> {
    let mut ordered: Vec<(usize, &Claim<'_>)> = claims.iter().enumerate().collect();
    ordered.sort_by(|(_, a), (_, b)| (&a.budget.name, a.key).cmp(&(&b.budget.name, b.key)));
    let mut reserved = Reserved { entries: Vec::with_capacity(claims.len()), failed: Vec::new() };
    for (index, claim) in ordered {
        match reserve(store, now, claim) {
            Ok(Tried::Admitted { reservation, balance, shortage, notices }) => {
                reserved.entries.push(Entry { claim: index, reservation, balance, shortage, notices });
            }
            Ok(Tried::Short { shortage, balance, notices }) => {
                let refused = (index, Cause::Short(shortage, balance), notices);
                return Err(undo(store, now, reserved, refused));
            }
            Err(error) if claim.budget.enforcement != Enforcement::Enforce => {
                reserved.failed.push((index, error));
            }
            Err(error) => {
                let refused = (index, Cause::Failed(error), Notices::default());
                return Err(undo(store, now, reserved, refused));
            }
        }
    }
    Ok(reserved)
}

/// Settles a reservation with what was really consumed, in the window that reserved it, in full even above the limit.
///
/// # Errors
/// [`Unsettled`] gives the reservation back.
pub fn post<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    reservation: Reservation,
    actual: Amount,
) -> Result<Settlement, Box<Unsettled>> {
    resolve(store, now, reservation, Some(actual))
}

/// Settles a reservation of which nothing was consumed.
///
/// # Errors
/// [`Unsettled`] gives the reservation back.
pub fn void<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    reservation: Reservation,
) -> Result<Settlement, Box<Unsettled>> {
    resolve(store, now, reservation, None)
}

/// How the account of `key` stands at `now`. Changes nothing.
///
/// # Errors
/// When the store cannot answer, its record cannot be read, or the key is too long.
pub fn inspect<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    budget: &Budget,
    key: &str,
) -> Result<Balance, Failure> {
    let place = Place::of(budget, key)?;
    transact(store, place.record(), |record| {
        let mut book = Book::open(budget, &place, record, now);
        let position = book.current().unwrap_or_else(|| book.push());
        book.refresh()?;
        Ok(Step::Leave(book.balance(position)?))
    })
}

/// What came of one claim.
enum Tried {
    Admitted { reservation: Reservation, balance: Balance, shortage: Option<Shortage>, notices: Notices },
    Short { shortage: Shortage, balance: Balance, notices: Notices },
}

fn reserve<S: Store + ?Sized>(store: &S, now: Timestamp, claim: &Claim<'_>) -> Result<Tried, Failure> {
    let home = Place::of(claim.budget, claim.key)?;
    if let Some(tried) = reserve_at(store, now, claim, home)? {
        return Ok(tried);
    }
    match claim.budget.on_full {
        OnFull::Refuse => Err(Failure::Full),
        OnFull::SharedAccount => {
            reserve_at(store, now, claim, Place::shared(claim.budget))?.ok_or(Failure::Full)
        }
    }
}

/// Reserves in the account of `place`; `None` when there is no room for one.
fn reserve_at<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    claim: &Claim<'_>,
    place: Place,
) -> Result<Option<Tried>, Failure> {
    let budget = claim.budget;
    let made = transact(store, place.record(), |record| {
        reserve_in(Book::open(budget, &place, record, now), budget, claim.amount)
    })?;
    Ok(made.map(|made| match made.result {
        Ok((hold, shortage)) => {
            let window_index = made.balance.window_index;
            let reservation = Reservation { budget: Arc::clone(budget), place, window_index, hold };
            Tried::Admitted { reservation, balance: made.balance, shortage, notices: made.notices }
        }
        Err(shortage) => Tried::Short { shortage, balance: made.balance, notices: made.notices },
    }))
}

/// What one attempt found in the record.
struct Attempt {
    result: Result<(Hold, Option<Shortage>), Shortage>,
    balance: Balance,
    notices: Notices,
}

fn reserve_in(
    mut book: Book<'_, '_>,
    budget: &Budget,
    amount: Amount,
) -> Result<Step<Option<Attempt>>, Failure> {
    let mut notices = Notices::default();
    let position = match book.current() {
        Some(position) => position,
        None => match book.add(&mut notices)? {
            Some(position) => position,
            None => return Ok(Step::Leave(None)),
        },
    };
    notices.expired(book.refresh()?);
    let expiry = Expiry::after(book.clock_ms(), budget.ttl_ms, budget.on_expiry);
    let hold = Hold { amount, expiry };
    let limit = book.limit();
    let account = book.account(position)?;
    let result = match account.reserve(hold, limit, budget.enforcement) {
        Ok(shortage) => Ok((hold, shortage)),
        Err(NotReserved::Short(shortage)) => Err(shortage),
        Err(NotReserved::NoRoom) => return Err(Failure::Full),
    };
    let crossed = account.announce(limit, &budget.alert_at);
    let balance = book.balance(position)?;
    notices.crossed(crossed, book.key(), balance);
    // A refusal writes only what it must: that something expired, or that somebody was told of a crossing.
    let write = result.is_ok() || !notices.is_empty();
    let attempt = Attempt { result, balance, notices };
    Ok(if write { Step::Write(Some(attempt)) } else { Step::Leave(Some(attempt)) })
}

fn resolve<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    reservation: Reservation,
    actual: Option<Amount>,
) -> Result<Settlement, Box<Unsettled>> {
    let budget = &*reservation.budget;
    let settled = transact(store, reservation.place.record(), |record| {
        resolve_in(Book::open(budget, &reservation.place, record, now), &reservation, actual)
    });
    settled.map_err(|error| Box::new(Unsettled { error, reservation }))
}

fn resolve_in(
    mut book: Book<'_, '_>,
    reservation: &Reservation,
    actual: Option<Amount>,
) -> Result<Step<Settlement>, Failure> {
    let Reservation { budget, hold, window_index, .. } = reservation;
    let mut notices = Notices::default();
    let position = match (book.in_window(*window_index), actual) {
        (Some(position), _) => position,
        (None, Some(_)) if book.window_index() == *window_index => {
            book.add(&mut notices)?.ok_or(Failure::Full)?
        }
        (None, _) => {
            let held = if hold.expiry.is_due(book.clock_ms()) { Held::Expired } else { Held::Missing };
            return Ok(Step::Leave(Settlement { held, balance: None, notices }));
        }
    };
    notices.expired(book.refresh()?);
    let (clock_ms, limit) = (book.clock_ms(), book.limit());
    let account = book.account(position)?;
    let held = match actual {
        Some(actual) => account.post(*hold, actual, clock_ms),
        None => account.void(*hold, clock_ms),
    };
    let crossed = account.announce(limit, &budget.alert_at);
    let balance = book.balance(position)?;
    notices.crossed(crossed, book.key(), balance);
    Ok(Step::Write(Settlement { held, balance: Some(balance), notices }))
}

/// Voids what was reserved before a refusal, in reverse.
fn undo<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    reserved: Reserved,
    (claim, cause, notices): (usize, Cause, Notices),
) -> Refusal {
    let mut refusal = Refusal { claim, cause, notices: vec![(claim, notices)], stranded: Vec::new() };
    for entry in reserved.entries.into_iter().rev() {
        refusal.notices.push((entry.claim, entry.notices));
        match void(store, now, entry.reservation) {
            Ok(settlement) => refusal.notices.push((entry.claim, settlement.notices)),
            Err(unsettled) => refusal.stranded.push(unsettled.reservation),
        }
    }
    refusal.notices.retain(|(_, notices)| !notices.is_empty());
    refusal
}

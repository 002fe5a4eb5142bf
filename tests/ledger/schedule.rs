//! Workers that run one store call at a time, in any order that a test wants.
//!
//! A worker is a deterministic function of the answers that its store calls got. So it needs no thread: it is run from
//! the start with the answers it had so far, and its first call beyond them is its next step. After each operation a
//! worker reports what came of it, and its future may depend on its reports alone; what it read for them is forgotten.
//! Of a version that it read one thing matters, whether it is still current; and a second conflict in a row changes
//! nothing that the first did not. This makes states comparable: every interleaving is explored by visiting every state.
//! Workers with a memory of their own ([`explore_all`]) forget nothing, so that hardly two of their states are the same.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::fmt::Debug;
use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use genops::ports::{Expected, Store, StoreError, Version};
use genops::testing::MemoryStore;

/// A program of several operations over a store; it reports after each.
pub(crate) type Worker<'w, R> = dyn Fn(&dyn Store, &mut dyn FnMut(R)) + 'w;

/// Sees the store after every write; at the end of every interleaving also what each worker reported.
pub(crate) type Check<'c, R> = dyn FnMut(&MemoryStore, Option<&[Vec<R>]>) + 'c;

/// What exploring came to.
#[derive(Debug)]
pub(crate) struct Explored {
    pub(crate) states: usize,
    pub(crate) ends: usize,
    pub(crate) conflicts: usize,
}

/// Runs `workers` in every interleaving of their store calls.
pub(crate) fn explore<R: Clone + Eq + Hash>(
    workers: &[&Worker<'_, R>],
    check: &mut Check<'_, R>,
) -> Explored {
    explore_by(workers, check, State::essence)
}

/// The same for workers whose future depends on all that they were ever answered.
pub(crate) fn explore_all<R: Clone + Eq + Hash>(
    workers: &[&Worker<'_, R>],
    check: &mut Check<'_, R>,
) -> Explored {
    explore_by(workers, check, |state| {
        let answers: Vec<Vec<Answer>> = state.runs.iter().map(|run| run.answers.clone()).collect();
        (state.records.clone(), answers)
    })
}

/// Visits each state once, as `essence` tells them apart.
fn explore_by<R: Clone + Eq + Hash, E: Eq + Hash>(
    workers: &[&Worker<'_, R>],
    check: &mut Check<'_, R>,
    essence: impl Fn(&State<R>) -> E,
) -> Explored {
    let mut explored = Explored { states: 0, ends: 0, conflicts: 0 };
    let mut seen: HashSet<_> = HashSet::new();
    let start = |worker: &&Worker<'_, R>| Rc::new(run(*worker, Vec::new()));
    let mut todo = vec![State { records: BTreeMap::new(), runs: workers.iter().map(start).collect() }];
    while let Some(state) = todo.pop() {
        if !seen.insert(essence(&state)) {
            continue;
        }
        if state.runs.iter().all(|run| run.next.is_none()) {
            explored.ends += 1;
            let reports: Vec<Vec<R>> = state.runs.iter().map(|run| run.reports.clone()).collect();
            check(&state.store(), Some(&reports));
        }
        for (number, worker) in workers.iter().enumerate() {
            let mut next = state.clone();
            let Some((applied, answers)) = next.apply(number) else { continue };
            match applied {
                Applied::Read => {}
                Applied::Conflict => explored.conflicts += 1,
                Applied::Written => check(&next.store(), None),
            }
            next.runs[number] = Rc::new(run(*worker, answers));
            todo.push(next);
        }
    }
    explored.states = seen.len();
    explored
}

type Bytes = Vec<u8>;

/// A store call that a worker wants to make.
enum Call {
    Get(String),
    CompareAndSet(String, Bytes, Expected),
}

/// The answer that one got.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Answer {
    Read { key: String, record: Option<(Bytes, u32)> },
    Written,
    Conflict,
}

/// How far a worker comes with the answers that it has.
struct Run<R> {
    answers: Vec<Answer>,
    reports: Vec<R>,
    /// The number of answers used up at the last report.
    reported_at: usize,
    /// `None` when it is done.
    next: Option<Call>,
}

struct Suspended;

/// The store that a worker sees: the answers of before, then nothing more.
struct Replay<'a> {
    answers: &'a [Answer],
    used: RefCell<usize>,
    next: RefCell<Option<Call>>,
}

impl Replay<'_> {
    fn answer(&self, call: impl FnOnce() -> Call) -> Answer {
        let position = self.used.replace_with(|used| *used + 1);
        self.answers.get(position).cloned().unwrap_or_else(|| {
            *self.next.borrow_mut() = Some(call());
            resume_unwind(Box::new(Suspended))
        })
    }
}

impl Store for Replay<'_> {
    fn get(&self, key: &str) -> Result<Option<(Bytes, Version)>, StoreError> {
        match self.answer(|| Call::Get(key.to_owned())) {
            Answer::Read { key: read, record } if read == key => {
                Ok(record.map(|(bytes, version)| (bytes, Version(version))))
            }
            other => panic!("a worker that reads {key} was answered {other:?}"),
        }
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        match self.answer(|| Call::CompareAndSet(key.to_owned(), bytes.to_owned(), expected)) {
            Answer::Written => Ok(()),
            Answer::Conflict => Err(StoreError::Conflict),
            other => panic!("a worker that writes {key} was answered {other:?}"),
        }
    }
}

fn run<R>(worker: &Worker<'_, R>, answers: Vec<Answer>) -> Run<R> {
    let replay = Replay { answers: &answers, used: RefCell::new(0), next: RefCell::new(None) };
    let (mut reports, mut reported_at) = (Vec::new(), 0);
    let done = catch_unwind(AssertUnwindSafe(|| {
        worker(&replay, &mut |report| {
            reports.push(report);
            reported_at = *replay.used.borrow();
        });
    }));
    if let Err(reason) = done
        && !reason.is::<Suspended>()
    {
        resume_unwind(reason);
    }
    let next = replay.next.take();
    Run { answers, reports, reported_at, next }
}

enum Applied {
    Read,
    Written,
    Conflict,
}

/// What is shared, and how far each worker is.
struct State<R> {
    records: BTreeMap<String, (Bytes, u32)>,
    runs: Vec<Rc<Run<R>>>,
}

impl<R> Clone for State<R> {
    fn clone(&self) -> Self {
        Self { records: self.records.clone(), runs: self.runs.clone() }
    }
}

/// The records, and of each worker its reports and what is in flight.
type Essence<R> = (Vec<(String, Bytes)>, Vec<(Vec<R>, InFlight)>);

/// What a worker read since its last report and acted on; whether it met a conflict since; how its last read stands.
type InFlight = (Vec<(String, Option<Bytes>)>, bool, Last);

#[derive(PartialEq, Eq, Hash)]
enum Last {
    /// It was acted on.
    None,
    /// It is what the store holds.
    Fresh,
    /// It is not, and the worker will act on it all the same.
    Stale(Option<Bytes>),
    /// It is not, and the worker will try to write and fail.
    Doomed,
}

impl<R: Clone> State<R> {
    /// The state without what cannot influence the future.
    fn essence(&self) -> Essence<R> {
        let records = self.records.iter().map(|(key, (bytes, _))| (key.clone(), bytes.clone())).collect();
        (records, self.runs.iter().map(|run| (run.reports.clone(), self.in_flight(run))).collect())
    }

    fn in_flight(&self, run: &Run<R>) -> InFlight {
        let (mut read, mut conflicted) = (Vec::new(), false);
        for answer in &run.answers[run.reported_at..] {
            match answer {
                Answer::Read { key, record } => {
                    read.push((key.clone(), record.as_ref().map(|(bytes, _)| bytes.clone())));
                }
                Answer::Written => conflicted = false,
                Answer::Conflict => {
                    conflicted = true;
                    read.pop();
                }
            }
        }
        let last = match run.answers.last() {
            Some(Answer::Read { key, record }) if run.answers.len() > run.reported_at => {
                let bytes = read.pop().and_then(|(_, bytes)| bytes);
                let version = |record: Option<&(Bytes, u32)>| record.map(|(_, version)| *version);
                match run.next {
                    _ if version(record.as_ref()) == version(self.records.get(key)) => Last::Fresh,
                    Some(Call::CompareAndSet(..)) => Last::Doomed,
                    _ => Last::Stale(bytes),
                }
            }
            _ => Last::None,
        };
        (read, conflicted, last)
    }

    /// Applies a worker's next call and gives its answers then; one more conflict of the same operation is not kept.
    fn apply(&mut self, number: usize) -> Option<(Applied, Vec<Answer>)> {
        let run = Rc::clone(&self.runs[number]);
        let mut answers = run.answers.clone();
        match run.next.as_ref()? {
            Call::Get(key) => {
                answers.push(Answer::Read { key: key.clone(), record: self.records.get(key).cloned() });
                Some((Applied::Read, answers))
            }
            Call::CompareAndSet(key, bytes, expected) => {
                let current = self.records.get(key).map(|(_, version)| *version);
                if *expected
                    == current.map_or(Expected::Absent, |version| Expected::Version(Version(version)))
                {
                    // As in Envoy, numbers rise over all records.
                    let last = self.records.values().map(|(_, version)| *version).max();
                    self.records.insert(key.clone(), (bytes.clone(), last.unwrap_or(0) + 1));
                    answers.push(Answer::Written);
                    return Some((Applied::Written, answers));
                }
                let read = answers.len() - 1;
                let again = read > run.reported_at && matches!(answers[read - 1], Answer::Conflict);
                if again {
                    answers.truncate(read);
                } else {
                    answers.push(Answer::Conflict);
                }
                Some((Applied::Conflict, answers))
            }
        }
    }

    fn store(&self) -> MemoryStore {
        let store = MemoryStore::default();
        for (key, (bytes, _)) in &self.records {
            store.overwrite(key, bytes);
        }
        store
    }
}

//! Properties of written and fitted output caps, through the whole exchange.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use genops::amount::Amount;
use genops::budget::{Budget, Enforcement};
use genops::config::{Config, parse};
use genops::cost;
use genops::exchange::{Effects, Event, Exchange, Flow};
use genops::headers::{HeaderPairs, Headers};
use genops::ledger::{self, Claim};
use genops::ports::{Expected, Store, StoreError, Version};
use genops::testing::{MemoryStore, Still};
use genops::timestamp::Timestamp;
use genops::usage::Usage;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A store on which another worker comes between two reads.
#[derive(Default)]
struct Crowded {
    store: MemoryStore,
    neighbours: RefCell<Vec<Neighbour>>,
}

/// Another worker: after so many more reads, it reserves so much.
struct Neighbour {
    after_reads: Cell<u32>,
    budget: Arc<Budget>,
    amount: Amount,
}

const NOW: Timestamp = Timestamp::from_seconds(1_771_286_400);

impl Store for Crowded {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let is_due = |neighbour: &mut Neighbour| {
            let left = neighbour.after_reads.get();
            neighbour.after_reads.set(left.saturating_sub(1));
            left == 0
        };
        let due: Vec<Neighbour> = self.neighbours.borrow_mut().extract_if(.., is_due).collect();
        for Neighbour { budget, amount, .. } in &due {
            // Its reservation stays pending; a refusal is as good.
            let _ = ledger::reserve_all(&self.store, NOW, &[Claim { budget, key: "", amount: *amount }]);
        }
        self.store.get(key)
    }
    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        self.store.compare_and_set(key, bytes, expected)
    }
}

/// One budget, and what of it is gone.
#[derive(Clone, Debug)]
struct Spent {
    is_money: bool,
    mode: &'static str,
    limit: u64,
    spent_percent: u64,
}

fn spent() -> impl Strategy<Value = Spent> {
    let modes = prop::sample::select(vec!["enforce", "enforce", "warn", "shadow"]);
    (any::<bool>(), modes, 0..3_000_u64, 0..120_u64)
        .prop_map(|(is_money, mode, limit, spent_percent)| Spent { is_money, mode, limit, spent_percent })
}

#[derive(Clone, Debug)]
struct Call {
    cap: Option<u64>,
    choices: Option<u64>,
    text: usize,
    /// What it may think within its cap.
    thinking: Option<u64>,
    /// What it may think beside its cap.
    beside: Option<u64>,
}

fn call() -> impl Strategy<Value = Call> {
    let (thinking, beside) =
        (prop::option::weighted(0.2, 0..300_u64), prop::option::weighted(0.3, 0..900_u64));
    (prop::option::of(1..2_000_u64), prop::option::of(1..4_u64), 0..400_usize, thinking, beside)
        // The API whose cap covers a thinking budget knows no choices.
        .prop_map(|(cap, choices, text, thinking, beside)| Call {
            cap,
            choices: choices.filter(|_| thinking.is_none()),
            text,
            thinking,
            beside: beside.filter(|_| thinking.is_none()),
        })
}

impl Call {
    fn body(&self) -> String {
        let mut body =
            json!({"model": "m", "messages": [{"role": "user", "content": "x".repeat(self.text)}]});
        body["max_tokens"] = self.cap.map_or(Value::Null, Value::from);
        if let Some(choices) = self.choices {
            body["n"] = choices.into();
        }
        if let Some(thinking) = self.thinking {
            body["thinking"] = json!({"type": "enabled", "budget_tokens": thinking});
        }
        if let Some(beside) = self.beside {
            body["thinking_budget"] = beside.into();
        }
        body.to_string()
    }

    fn choices(&self) -> u64 {
        self.choices.unwrap_or(1)
    }
}

const LEAST: u64 = 10;
const DEFAULT: u64 = 700;
const MODEL_MOST: u64 = 1_500;

fn config(mode: &str, budgets: &[Spent], thinking_per_million: f64) -> Config {
    let budgets = budgets.iter().enumerate().map(|(index, spent)| {
        // A limit in tokens, or in thousandths of a cent.
        let (unit, limit) = if spent.is_money { ("USD", json!(spent.limit as f64 / 1e5)) } else { ("tokens", json!(spent.limit)) };
        json!({"name": format!("b{index}"), "unit": unit, "limit": limit, "window": "total", "mode": spent.mode})
    });
    let text = json!({
        "estimation": {
            "bytes_per_token": 4, "overhead_tokens": 3, "default_output_tokens": DEFAULT, "on_output_cap": mode,
            "fit_min_output_tokens": LEAST, "models": [{"model": "m", "max_output_tokens": MODEL_MOST}],
        },
        "prices": [{"model": "*", "currency": "USD", "input_per_million": 1.7, "output_per_million": 9.13,
            "reasoning_per_million": thinking_per_million}],
        "budgets": budgets.collect::<Vec<_>>(),
    });
    parse(&text.to_string()).unwrap_or_else(|invalid| panic!("{invalid}"))
}

/// What is left of a budget.
fn left(host: &Still<Crowded>, budget: &Budget) -> Amount {
    ledger::inspect(host, NOW, budget, "").unwrap().left()
}

/// The exchange up to its decision.
fn decide(config: &Rc<Config>, host: &Still<Crowded>, call: &Call, body: &str) -> Effects {
    let path = if call.thinking.is_some() { "/v1/messages" } else { "/v1/chat/completions" };
    let mut exchange = Exchange::new(config.clone());
    let length = body.len().to_string();
    let headers: [(&[u8], &[u8]); 8] = [
        (b":method", b"POST"),
        (b":path", path.as_bytes()),
        (b":authority", b"models.example"),
        (b"content-length", length.as_bytes()),
        (b"x-genops-team", b"search"),
        (b"x-genops-project", b"chatbot"),
        (b"x-genops-environment", b"production"),
        (b"x-genops-trace", b"6d8b83eb3f8d3c0d8628f078df7ab76f-94abd4f4766ca0c0"),
    ];
    let pairs = HeaderPairs::new(&headers);
    let headers = Headers::of(&pairs);
    exchange.step(Event::RequestHeaders { headers, end_of_stream: false }, host);
    exchange.step(Event::RequestBody { body: body.as_bytes() }, host)
}

/// What a budget is asked for, if each choice has such a cap: for all that is said and thought, and all of it thought
/// where that is dearer.
fn asked(config: &Config, budget: &Budget, call: &Call, cap: u64) -> Amount {
    let all = cap + call.beside.unwrap_or(0);
    consumed(config, budget, call, all, 0).max(consumed(config, budget, call, all, all))
}

/// What comes of it if each choice writes so much, of which so much was thought.
fn consumed(config: &Config, budget: &Budget, call: &Call, output: u64, thought: u64) -> Amount {
    // The text, and the names that tools would have; here the roles are none of it.
    let input = (call.text as u64).div_ceil(4) + 3;
    let usage = Usage {
        input_tokens: Some(input),
        output_tokens: Some(output * call.choices()),
        reasoning_tokens: Some(thought * call.choices()),
        ..Usage::default()
    };
    let consumption = cost::Consumption { usage, ..cost::Consumption::default() };
    consumption.amount(budget.unit, &config.prices.tariff("openai", Some("m"))).unwrap()
}

fn cap_in(body: &[u8]) -> u64 {
    serde_json::from_slice::<Value>(body).unwrap()["max_tokens"].as_u64().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn what_is_reserved_was_left_and_the_cap_is_the_largest_that_fits_and_never_above_the_clients(
        budgets in prop::collection::vec(spent(), 0..4), call in call(), fits in any::<bool>(),
        thinking_per_million in prop::sample::select(vec![3.1, 9.13, 27.7]),
        (said_percent, thought_percent) in (0..101_u64, 0..101_u64),
    ) {
        let config = Rc::new(config(if fits { "fit" } else { "inject" }, &budgets, thinking_per_million));
        let host = Still { store: Crowded::default(), now: NOW };
        for (budget, spent) in config.budgets.iter().zip(&budgets) {
            let amount = Amount::new(budget.limit.get() * spent.spent_percent / 100);
            let reserved = ledger::reserve_all(&host, NOW, &[Claim { budget, key: "", amount: Amount::new(0) }]);
            let Ok(mut reserved) = reserved else { continue };
            ledger::post(&host, NOW, reserved.entries.remove(0).reservation, amount).unwrap();
        }
        let before: Vec<Amount> = config.budgets.iter().map(|budget| left(&host, budget)).collect();
        let wanted = call.cap.map_or(MODEL_MOST, |cap| cap.min(MODEL_MOST));
        let least = LEAST.max(call.thinking.map_or(0, |thinking| thinking + 1));
        let holds = |cap: u64| config.budgets.iter().zip(&before).all(|(budget, left)| {
            budget.enforcement != Enforcement::Enforce || asked(&config, budget, &call, cap) <= *left
        });
        let body = call.body();
        let effects = decide(&config, &host, &call, &body);
        if matches!(effects.flow, Flow::Reply(_)) {
            prop_assert!(!holds(wanted), "refused though it fits");
            prop_assert!(!fits || least >= wanted || !holds(least), "refused though {least} would fit");
            for (budget, before) in config.budgets.iter().zip(&before) {
                prop_assert_eq!(left(&host, budget), *before, "a refusal leaves nothing behind");
            }
            return Ok(());
        }
        let forwarded = match &effects.request_body {
            Some(body) => cap_in(body),
            None => call.cap.expect("a call without a cap is edited"),
        };
        prop_assert!(call.cap.is_none_or(|cap| forwarded <= cap), "never raised");
        prop_assert!(forwarded <= wanted);
        prop_assert!(holds(forwarded), "what was let through fits everywhere");
        if forwarded < wanted {
            prop_assert!(fits && forwarded >= least && !holds(forwarded + 1), "lowered no further than needed");
        }
        for (budget, before) in config.budgets.iter().zip(&before) {
            let after = ledger::inspect(&host, NOW, budget, "").unwrap();
            let reserved = asked(&config, budget, &call, forwarded);
            prop_assert_eq!(after.pending, reserved, "exactly what the provider is held to");
            prop_assert!(budget.enforcement != Enforcement::Enforce || reserved <= *before);
            // However much a provider says and thinks that keeps to both, it was reserved.
            let within = forwarded * said_percent / 100;
            let thought = call.beside.unwrap_or(0) * thought_percent / 100;
            let thought_within = call.thinking.unwrap_or(0).min(within);
            let actual = consumed(&config, budget, &call, within + thought, thought + thought_within);
            prop_assert!(actual <= after.pending, "{actual:?} was consumed of {:?}", after.pending);
        }
    }

    #[test]
    fn whatever_other_workers_take_in_between_no_limit_is_exceeded(
        budgets in prop::collection::vec(spent(), 1..4), call in call(),
        takes in prop::collection::vec((0..12_u32, any::<prop::sample::Index>(), 0..1_000_u64), 0..6),
    ) {
        let config = Rc::new(config("fit", &budgets, 12.0));
        let host = Still { store: Crowded::default(), now: NOW };
        for (after_reads, which, tokens) in takes {
            let budget = which.get(&config.budgets).clone();
            let amount = Amount::new(if budget.limit.get() > 10_000 { tokens * 1_000 } else { tokens });
            host.store.neighbours.borrow_mut().push(Neighbour { after_reads: Cell::new(after_reads), budget, amount });
        }
        let body = call.body();
        let effects = decide(&config, &host, &call, &body);
        host.store.neighbours.borrow_mut().clear();
        for budget in config.budgets.iter().filter(|budget| budget.enforcement == Enforcement::Enforce) {
            let balance = ledger::inspect(&host, NOW, budget, "").unwrap();
            prop_assert!(balance.consumed.plus(balance.pending) <= balance.allocated, "{:?}", balance);
            if matches!(effects.flow, Flow::Continue) {
                let forwarded = effects.request_body.as_deref().map_or_else(|| call.cap.unwrap(), cap_in);
                prop_assert!(asked(&config, budget, &call, forwarded) <= balance.pending);
            }
        }
    }
}

//! `genops grant new`: signs a grant, shows in words what was signed, prints the token alone to standard output.

use std::path::PathBuf;

use genops::approval;
use genops::gate::Approvals;
use genops::timestamp::Timestamp;
use lexopt::ValueExt as _;

use super::key::PrivateKey;
use super::order::Order;
use super::words::{describe, duration_s};
use super::{Failed, now_s, print_line, random, text_of};

/// Clocks differ: a grant is valid from a little before it was signed.
const BACKDATED_S: u64 = 30;
const DEFAULT_TTL_S: u64 = 900;

/// Everything the arguments say.
#[derive(Default)]
struct Arguments {
    order: Order,
    key: Option<PathBuf>,
    from: Option<PathBuf>,
    ttl_s: Option<u64>,
    not_before_s: Option<u64>,
    id: Option<String>,
}

pub(super) fn run(arguments: lexopt::Parser) -> Result<(), Failed> {
    let Arguments { mut order, key, from, ttl_s, not_before_s, id } = read(arguments)?;
    if let Some(from) = from {
        order.adopt(&text_of(&from)?)?;
    }
    let id = match id {
        Some(id) => id,
        None => format!("{:032x}", u128::from_be_bytes(random()?)),
    };
    let now_s = now_s();
    let starts_s = not_before_s.unwrap_or(now_s.saturating_sub(BACKDATED_S));
    let lives_s = ttl_s.unwrap_or(DEFAULT_TTL_S);
    // Whoever names no start means the time from now on.
    let expires_s = not_before_s.unwrap_or(now_s).saturating_add(lives_s);
    let payload = order.payload(&id, starts_s, expires_s)?;
    let key = PrivateKey::load(key.as_deref())?;
    let signed = approval::signing_input(&key.kid, key.algorithm(), &payload.to_string());
    let token = approval::assemble(&signed, &key.sign(signed.as_bytes())?);
    accepted(&token, &key, &order, starts_s)?;
    if let Some((header, claims)) = approval::unverified(&token) {
        eprint!("{}", describe(&header, &claims, now_s));
    }
    print_line(&token)
}

/// What no filter would take is not handed out.
fn accepted(token: &str, key: &PrivateKey, order: &Order, at_s: u64) -> Result<(), Failed> {
    let approvals = Approvals {
        keys: vec![key.verification()?],
        audience: order.audience.as_deref().map(Into::into),
        max_lifetime_ms: u64::MAX,
        ..Approvals::default()
    };
    match approval::verify(token, &approvals, Timestamp::from_seconds(at_s)) {
        Ok(_) => Ok(()),
        Err((_, _)) if token.len() > approval::MAX_BYTES => {
            Err(format!("the grant is longer than {} bytes", approval::MAX_BYTES).into())
        }
        Err((invalid, _)) => Err(format!("no filter would take this grant: {invalid}").into()),
    }
}

fn read(mut parser: lexopt::Parser) -> Result<Arguments, Failed> {
    let mut read = Arguments::default();
    while let Some(argument) = parser.next()? {
        let lexopt::Arg::Long(name) = argument else { return Err(argument.unexpected().into()) };
        let name = name.to_owned();
        if !KNOWN.contains(&name.as_str()) {
            return Err(lexopt::Arg::Long(&name).unexpected().into());
        }
        let value = parser.value()?;
        match name.as_str() {
            "key" => read.key = Some(value.into()),
            "from" => read.from = Some(value.into()),
            _ => read.word(&name, value.string()?)?,
        }
    }
    Ok(read)
}

const KNOWN: [&str; 13] = [
    "any",
    "approver",
    "attribute",
    "audience",
    "ceiling",
    "delegated-by",
    "from",
    "id",
    "key",
    "model",
    "not-before",
    "ttl",
    "uses",
];

impl Arguments {
    fn word(&mut self, name: &str, value: String) -> Result<(), Failed> {
        let order = &mut self.order;
        match name {
            "approver" => order.approver = Some(value),
            "delegated-by" => order.delegation.push(value),
            "audience" => order.audience = Some(value),
            "model" => order.model = Some(value),
            "attribute" => order.attribute(&value)?,
            "any" => order.any(&value)?,
            "ceiling" => order.ceiling(&value)?,
            "uses" => {
                order.uses = Some(value.parse().map_err(|_| format!("--uses: a number, not {value:?}"))?)
            }
            "ttl" => {
                let wrong = || format!("--ttl: a duration such as 15m, not {value:?}");
                self.ttl_s = Some(duration_s(&value).ok_or_else(wrong)?);
            }
            "not-before" => {
                let wrong = |_| format!("--not-before: seconds of the epoch, not {value:?}");
                self.not_before_s = Some(value.parse().map_err(wrong)?);
            }
            _ => self.id = Some(value),
        }
        Ok(())
    }
}

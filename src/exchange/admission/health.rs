//! The stage of the provider's health: asks breaker and SLA, and has the call watched for them until it has ended.
//!
//! Costs nothing where neither is configured. A breaker or an estimate that cannot answer lets the call go: it guards
//! availability, not money.

use std::fmt::Display;
use std::sync::Arc;

use super::stage::Admission;
use crate::breaker::{self, Asked};
use crate::budget::{Enforcement, Key};
use crate::config::{Breaker, OnPredicted, Sla, breaker_of, sla_of};
use crate::exchange::execution::boundary::Boundary;
use crate::exchange::execution::watch::Watch;
use crate::exchange::ground::Ground;
use crate::provider::RefusalKind;
use crate::semconv::ReasonCode;
use crate::sla::{self, Forecast};

/// Asks the call's breaker, then its SLA.
///
/// # Errors
/// The ground of an open circuit, or of a prediction that refuses.
#[inline(never)]
pub(super) fn check(admission: &mut Admission<'_>) -> Result<(), Ground> {
    let config = admission.config;
    let subject = admission.subject();
    let breaker = breaker_of(&config.breakers, &subject);
    // An upgraded connection lasts as long as its two ends like.
    let sla = sla_of(&config.sla, &subject).filter(|_| !admission.call.upgrade);
    if breaker.is_none() && sla.is_none() {
        return Ok(());
    }
    let key = upstream(admission);
    admission.watch = Some(Watch::begin());
    if let Some(breaker) = breaker {
        ask(admission, breaker, &key)?;
    }
    match sla {
        Some(sla) => predict(admission, sla, format!("{key}|{}", subject.operation)),
        None => Ok(()),
    }
}

/// Whose health it is: the cluster that the route has chosen, the provider and the model.
fn upstream(admission: &Admission<'_>) -> String {
    let cluster = admission.ports.property(&["xds", "cluster_name"]).unwrap_or_default();
    let cluster = String::from_utf8_lossy(&cluster);
    let of = |key: Key| key.fold(admission.value(key).unwrap_or_default());
    [&*cluster, &of(Key::Provider), &of(Key::Model)].join("|")
}

fn ask(admission: &mut Admission<'_>, breaker: &Arc<Breaker>, key: &str) -> Result<(), Ground> {
    match breaker::ask(admission.ports, admission.now, breaker, key) {
        Ok(Asked::Go(ticket)) => {
            if let Some(watch) = &mut admission.watch {
                watch.ticket = Some(ticket);
            }
            Ok(())
        }
        Ok(Asked::Stop { retry_after_ms }) => {
            let ground = stopped(admission, &breaker.name, retry_after_ms);
            admission.findings.meet(breaker.enforcement, ground)
        }
        Err(error) => {
            log::warn!("genops: breaker {:?} cannot answer: {error:?}", breaker.name);
            Ok(())
        }
    }
}

fn stopped(admission: &Admission<'_>, breaker: &str, retry_after_ms: u64) -> Ground {
    let seconds = retry_after_ms.div_ceil(1_000).max(1);
    let message = format!(
        "GenOps: {} fails; breaker {breaker:?} leaves it alone. Try again in {seconds} s.",
        target(admission)
    );
    let code = ReasonCode::ProviderErrorUpstream;
    let ground = Ground::blocked(code, RefusalKind::Unavailable, message);
    Ground { by: Some(breaker.into()), retry_after_s: Some(seconds), ..ground }
}

fn predict(admission: &mut Admission<'_>, sla: &Arc<Sla>, key: String) -> Result<(), Ground> {
    let forecast = match sla.on_predicted {
        OnPredicted::Ignore => Forecast::Unknown,
        OnPredicted::Warn | OnPredicted::Refuse => sla::forecast(admission.ports, admission.now, sla, &key)
            .unwrap_or_else(|error| {
                log::warn!("genops: sla {:?} cannot predict: {error:?}", sla.tier);
                Forecast::Unknown
            }),
    };
    let (predicted_ms, probe_in_ms, enforcement) = match forecast {
        Forecast::Unknown | Forecast::Meets => (None, 0, Enforcement::Warn),
        Forecast::Probe { predicted_ms } => (Some(predicted_ms), 0, Enforcement::Warn),
        Forecast::Misses { predicted_ms, probe_in_ms } if sla.on_predicted == OnPredicted::Refuse => {
            (Some(predicted_ms), probe_in_ms, Enforcement::Enforce)
        }
        Forecast::Misses { predicted_ms, .. } => (Some(predicted_ms), 0, Enforcement::Warn),
    };
    if let Some(predicted_ms) = predicted_ms {
        let ground = too_slow(admission, sla, predicted_ms, probe_in_ms);
        admission.findings.meet(enforcement, ground)?;
    }
    let probe = matches!(forecast, Forecast::Probe { .. });
    if let Some(watch) = &mut admission.watch {
        watch.boundary = Some(Boundary::begin(sla.clone(), key, probe, admission.now));
    }
    Ok(())
}

fn too_slow(admission: &Admission<'_>, sla: &Sla, predicted_ms: u64, probe_in_ms: u64) -> Ground {
    let target_ms = sla.latency_target_ms;
    let message = format!(
        "GenOps: {} is expected to take {predicted_ms} ms, more than the {target_ms} ms of SLA tier {:?}.",
        target(admission),
        sla.tier
    );
    let ground = Ground::blocked(ReasonCode::SlaLatencyViolation, RefusalKind::Unavailable, message);
    Ground { by: Some(sla.tier.clone()), retry_after_s: Some(probe_in_ms.div_ceil(1_000).max(1)), ..ground }
}

fn target(admission: &Admission<'_>) -> impl Display {
    let provider = admission.call.endpoint.provider.name().unwrap_or("the provider");
    match &admission.facts.model {
        Some(model) => format!("model {model:?} of {provider}"),
        None => provider.to_owned(),
    }
}

//! What the exchanges of one configuration on one worker share: a call between two streams, and what need not be worked
//! out again.

use std::rc::Rc;

use super::handover::Handover;
use crate::config::Config;
use crate::memo::Memo;
use crate::price::Tariff;
use crate::provider::{self, Endpoint, Provider};
use crate::upstream::Upstream;

/// One configuration on one worker. Dropped with its configuration, on which what is remembered depends.
#[derive(Debug, Default)]
pub struct Worker {
    /// The call that is on its way from one stream to the next.
    pub(super) handover: Handover,
    /// By provider and model.
    tariffs: Memo<2, Rc<Tariff>>,
    /// By method, authority and path.
    endpoints: Memo<3, Option<Endpoint>>,
}

impl Worker {
    /// What a call of `model` at `provider` costs.
    pub(super) fn tariff(&self, config: &Config, provider: Provider, model: Option<&str>) -> Rc<Tariff> {
        let look_up = || Rc::new(config.prices.tariff(provider.slug(), model));
        match model {
            Some(model) => self.tariffs.get([provider.slug(), model], look_up),
            None => look_up(),
        }
    }

    /// What a request is for. Not remembered is what an upstream's configuration says, and a path with a query, which may
    /// hold a key.
    pub(super) fn recognise(
        &self,
        upstream: Option<&Upstream>,
        method: &str,
        authority: &str,
        path: &str,
    ) -> Option<Endpoint> {
        let recognise = || provider::recognise_at(upstream, method, authority, path);
        if upstream.is_some() || path.contains('?') {
            return recognise();
        }
        self.endpoints.get([method, authority, path], recognise)
    }
}

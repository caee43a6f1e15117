//! A chain reached through JSON-RPC.

use crate::{
    Endpoint, EndpointState, RpcClient, RpcConfig, RpcError, RpcSource, fault::Fault,
    http::HttpTransport, pool::Pool, private::Private, transport::Transport, ws::WsTransport,
};
use futures_util::future::join_all;
use std::{
    collections::{BTreeMap, BTreeSet, hash_map::RandomState},
    hash::{BuildHasher, Hasher},
    sync::Arc,
};

/// The nodes of one chain.
pub struct RpcHost {
    pool: Arc<Pool>,
    private: Option<Arc<Private>>,
    config: RpcConfig,
}

impl std::fmt::Debug for RpcHost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RpcHost").field("config", &self.config).finish_non_exhaustive()
    }
}

impl RpcHost {
    /// Asks every endpoint for its chain id. Endpoints that do not answer are tried again later, as
    /// long as one does.
    ///
    /// # Errors
    /// [`RpcError::WrongChain`] when any endpoint follows another chain;
    /// [`RpcError::Unreachable`] when none answers.
    pub async fn connect(config: RpcConfig) -> Result<Self, RpcError> {
        let transport = |endpoint: &Endpoint| -> Box<dyn Transport> {
            if endpoint.is_websocket() {
                Box::new(WsTransport::new(endpoint.clone(), &config.limits))
            } else {
                Box::new(HttpTransport::new(endpoint.clone(), &config.limits))
            }
        };
        let private = config.private.iter().map(|private| &private.endpoint);
        let transports = config.endpoints.iter().chain(private).map(transport).collect();
        Self::connect_over(config, transports).await
    }

    pub(crate) async fn connect_over(
        config: RpcConfig,
        mut transports: Vec<Box<dyn Transport>>,
    ) -> Result<Self, RpcError> {
        let chain = config.chain_id;
        let refuse = |reason: String| RpcError::Config { chain, reason };
        let count = config.endpoints.len();
        let hosts: BTreeSet<&str> = config.endpoints.iter().map(Endpoint::host).collect();
        if count == 0 {
            return Err(refuse("`endpoints` is empty; name at least one URL".to_owned()));
        }
        if config.agreement > hosts.len() {
            let (wanted, most) = (config.agreement, hosts.len());
            return Err(refuse(format!(
                "`agreement` is {wanted}; accepted: at most {most}, the number of hosts among the \
                 endpoints (several addresses of one host are one opinion)"
            )));
        }
        if config.poll.is_zero() {
            return Err(refuse("`poll` is 0; accepted: more than that".to_owned()));
        }
        let random = || RandomState::new().build_hasher().finish();
        let seed = config.limits.jitter_seed.unwrap_or_else(random);
        // The private endpoint's comes last.
        let last = transports.split_off(count.min(transports.len())).into_iter().next();
        let private = config.private.clone().zip(last).map(|(private, transport)| {
            let only = vec![(private.endpoint, transport)];
            let pool = Pool::new(chain, config.limits.clone(), 1, only, seed);
            Arc::new(Private::new(pool, private.fallback_after))
        });
        let endpoints = config.endpoints.iter().cloned().zip(transports).collect();
        let pool = Pool::new(chain, config.limits.clone(), config.agreement, endpoints, seed);
        let asked = join_all((0..pool.len()).map(|at| pool.verify_chain(at))).await;
        let mut reasons = Vec::new();
        for (at, answer) in asked.into_iter().enumerate() {
            let endpoint = pool.name(at).to_owned();
            match answer {
                Ok(()) => {}
                Err(Fault::WrongChain(found)) => {
                    return Err(RpcError::WrongChain { endpoint, expected: chain, found });
                }
                Err(fault) => {
                    tracing::warn!(target: "bmn::host_rpc", chain = %chain, endpoint, %fault, "no answer");
                    reasons.push(format!("{endpoint}: {fault}"));
                }
            }
        }
        if reasons.len() == count {
            return Err(RpcError::Unreachable { chain, reasons: reasons.join("; ") });
        }
        Ok(Self { pool: Arc::new(pool), private, config })
    }

    /// A source of its own; sources share what is known of the endpoints.
    pub fn source(&self) -> RpcSource {
        RpcSource::new(Arc::clone(&self.pool), &self.config)
    }

    /// Acts on the chain.
    pub fn client(&self) -> Arc<RpcClient> {
        Arc::new(RpcClient::new(Arc::clone(&self.pool), self.private.clone()))
    }

    /// What each endpoint is like right now, in the configured order.
    pub fn endpoints(&self) -> Vec<EndpointState> {
        self.pool.states()
    }

    /// Calls made since the start, per method.
    pub fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.pool.calls()
    }

    /// Makes new connections and forgets failures, rests and learnt limits. Chain ids are checked
    /// again before an endpoint is used.
    pub fn invalidate(&self) {
        self.pool.invalidate();
    }
}

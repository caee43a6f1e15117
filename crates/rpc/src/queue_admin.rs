//! The methods for whoever runs the node, in a module of their own.

use crate::{RpcError, description, jobs};
use async_trait::async_trait;
use bmn_queue::{JobRow, LiveRules, Rules, dead_letters, drop_letter, requeue};
use bmn_rpc_api::{DeadLetter, DeadLetterKey, JobEntry, QueueAdminApiServer};
use bmn_store::{Store, WriteTx};
use bmn_swap::ActionKey;
use jsonrpsee::{RpcModule, core::RpcResult};

/// Dead letters of one order at most; an order has few actions and few escrows.
const OF_ONE_ORDER: usize = 64;

/// The handlers of [`QueueAdminApiServer`].
#[derive(Clone)]
pub struct QueueAdmin {
    store: Store,
    rules: LiveRules,
}

impl QueueAdmin {
    /// Handlers that write to `store`; `rules` decide what is wanted.
    pub fn new(store: Store, rules: impl Into<LiveRules>) -> Self {
        Self { store, rules: rules.into() }
    }

    /// The methods, to serve where only the operator can reach them. Never merge them into a public
    /// module: there is no access control.
    pub fn into_module(self) -> RpcModule<()> {
        description::described(QueueAdminApiServer::into_rpc(self).remove_context())
    }

    /// Changes a dead letter in a transaction of its own, off the async threads.
    async fn change<T: Send + 'static>(
        &self,
        name: DeadLetterKey,
        change: impl FnOnce(&mut WriteTx, &ActionKey, &Rules) -> Result<T, RpcError> + Send + 'static,
    ) -> Result<T, RpcError> {
        let (store, rules) = (self.store.clone(), self.rules.clone());
        tokio::task::spawn_blocking(move || {
            let mut tx = store.write()?;
            let key = find(&tx, &name)?;
            let done = change(&mut tx, &key, &rules)?;
            tx.commit()?;
            tracing::info!(
                target: "bmn::rpc", order = %key.order, action = key.action.name(),
                "dead letter changed by the operator"
            );
            Ok(done)
        })
        .await
        .map_err(|error| RpcError::Interrupted(error.to_string()))?
    }
}

fn find(tx: &WriteTx, name: &DeadLetterKey) -> Result<ActionKey, RpcError> {
    let order = jobs::order(&name.order)?;
    let letters = dead_letters(tx, Some(order), None, None, OF_ONE_ORDER)?;
    let is_meant = |job: &JobRow| {
        job.key.action.name() == name.action
            && name.chain.is_none_or(|chain| chain == job.key.chain.0)
            && name.escrow.is_none_or(|escrow| escrow == job.key.escrow)
    };
    let meant: Vec<_> = letters.into_iter().filter(is_meant).map(|job| job.key).collect();
    match meant.as_slice() {
        [] => Err(RpcError::NoSuchLetter),
        [key] => Ok(*key),
        several => Err(RpcError::SeveralLetters(several.iter().map(named).collect())),
    }
}

fn named(key: &ActionKey) -> DeadLetterKey {
    DeadLetterKey {
        order: key.order.to_string(),
        action: key.action.name().to_owned(),
        chain: Some(key.chain.0),
        escrow: Some(key.escrow),
    }
}

#[async_trait]
impl QueueAdminApiServer for QueueAdmin {
    async fn requeue_job(&self, job: DeadLetterKey) -> RpcResult<JobEntry> {
        Ok(self.change(job, |tx, key, rules| Ok(jobs::entry(requeue(tx, key, rules)?))).await?)
    }

    async fn drop_job(&self, job: DeadLetterKey) -> RpcResult<DeadLetter> {
        Ok(self
            .change(job, |tx, key, rules| {
                jobs::letter(drop_letter(tx, key, rules)?).ok_or(RpcError::NoSuchLetter)
            })
            .await?)
    }
}

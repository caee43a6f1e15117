//! Limits and prices that are changed while the resolver runs.

use crate::{NodeError, ResolverHandle, rules_of};
use bmn_config::ChainSpec;
use bmn_queue::QueueError;
use bmn_swap::Policy;

impl ResolverHandle {
    /// From now on orders are judged by this policy and by the prices and caps of these specifications. What is being
    /// judged keeps the rules that it began with, and an order that was taken keeps its own terms.
    ///
    /// # Errors
    /// [`NodeError::Queue`] when the chains, factories or tokens are not those of the start, or the rules were changed
    /// too often: nothing is changed then.
    pub fn change_rules(&self, policy: Policy, specs: &[ChainSpec]) -> Result<(), NodeError> {
        let in_order: Option<Vec<&ChainSpec>> = self
            .0
            .specs
            .iter()
            .map(|ours| specs.iter().find(|spec| spec.chain_id == ours.chain_id))
            .collect();
        let specs = in_order.filter(|all| all.len() == specs.len());
        let specs = specs.ok_or(QueueError::OtherChains)?;
        self.0.rules.replace(rules_of(self.0.rules.us, specs, policy))?;
        // What waited for another limit is looked at again.
        self.0.wake.values().for_each(tokio::sync::Notify::notify_one);
        Ok(())
    }
}

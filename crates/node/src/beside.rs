//! What those need who look after a resolver from beside it.

use crate::ResolverHandle;
use bmn_chain::ChainClient;
use bmn_config::ChainSpec;
use bmn_primitives::ChainId;
use bmn_queue::Rules;
use bmn_rpc::ScheduledJobs;
use bmn_store::Store;
use std::sync::Arc;

impl ResolverHandle {
    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// What orders are judged against at this moment.
    pub fn rules(&self) -> Arc<Rules> {
        Arc::new(Rules::clone(&self.0.rules))
    }

    /// The chains, as they were at the start.
    pub fn specs(&self) -> &[ChainSpec] {
        &self.0.specs
    }

    /// Who reads and acts on a chain; none when it is not served.
    pub fn client(&self, chain: ChainId) -> Option<&Arc<dyn ChainClient>> {
        self.0.intake.client(chain)
    }

    /// Where the methods of this resolver find the scheduler.
    pub fn scheduled_jobs(&self) -> &ScheduledJobs {
        &self.0.scheduled
    }
}

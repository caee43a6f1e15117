//! What the node's servers hand on is what the resolver answers, no more and no less.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use bmn_config::{Policy, dev_chains};
use bmn_embed::front::{ADMIN_METHODS, Front, METHODS, SUBSCRIBE};
use bmn_host_dev::{DevChain, DevChainConfig};
use bmn_node::{ChainHost, Resolver, SystemClock, policy_of};
use bmn_rpc::AuditLog;
use bmn_store::{Store, StoreOptions};
use std::{collections::BTreeSet, sync::Arc};

fn resolver(directory: &std::path::Path) -> Resolver {
    let host = |spec: bmn_config::ChainSpec| {
        let chain =
            DevChain::new(DevChainConfig { chain_id: spec.chain_id, ..DevChainConfig::default() });
        let source = Box::new(chain.source_from(spec.start_block));
        ChainHost { spec, source, client: Arc::new(chain.client()) }
    };
    let hosts = dev_chains().unwrap().into_iter().map(host).collect();
    let store = Store::open(StoreOptions::directory(directory)).unwrap();
    let policy = policy_of(&Policy::default());
    Resolver::open_index_only(store, hosts, policy, Arc::new(SystemClock::new())).unwrap()
}

fn audit() -> Arc<AuditLog> {
    Arc::new(AuditLog::events(|| 0))
}

#[test]
fn every_method_of_the_resolver_is_handed_on() {
    let directory = tempfile::tempdir().unwrap();
    let resolver = resolver(directory.path());
    let front = Front::new("");
    let public: BTreeSet<_> = resolver.rpc_module().method_names().collect();
    let mut handed_on: BTreeSet<_> = METHODS.into_iter().collect();
    handed_on.insert(SUBSCRIBE);
    assert_eq!(public, handed_on);
    assert_eq!(front.module().unwrap().method_names().collect::<BTreeSet<_>>(), handed_on);
    let admin: BTreeSet<_> = resolver.private_module(&audit()).method_names().collect();
    assert_eq!(admin, ADMIN_METHODS.into_iter().collect());
    let handed_on = front.admin_module().unwrap();
    assert_eq!(handed_on.method_names().collect::<BTreeSet<_>>(), admin);
}

#[tokio::test]
async fn a_subscription_is_answered_as_the_resolver_answers() {
    let directory = tempfile::tempdir().unwrap();
    let resolver = resolver(directory.path());
    let front = Front::new("");
    front.enter(resolver.rpc_module(), resolver.private_module(&audit()));
    let module = front.module().unwrap();
    for module in [&module, &resolver.rpc_module()] {
        let request = r#"{"jsonrpc":"2.0","id":1,"method":"bmn_subscribe","params":["swaps"]}"#;
        let (answer, _) = module.raw_json_request(request, 1).await.unwrap();
        assert!(answer.get().contains("result"), "{answer}");
    }
}

//! From configuration to what orders are judged against.

use alloy::primitives::{Address, B256, Keccak256};
use bmn_config::{ChainSpec, FactorySpec};
use bmn_contracts::EscrowImplementations;
use bmn_queue::Rules;
use bmn_swap::{FactoryTerms, Pace, Policy, Price, Route, TokenTerms};

/// The route of a chain.
pub fn route_of(spec: &ChainSpec) -> Route {
    let native = TokenTerms {
        address: Address::ZERO,
        decimals: spec.native.decimals,
        price: Price(spec.native.price),
    };
    let tokens = spec.tokens.iter().map(|token| TokenTerms {
        address: token.address,
        decimals: token.decimals,
        price: Price(token.price),
    });
    Route {
        chain: spec.chain_id,
        pace: Pace {
            block_time: spec.block_time_secs,
            inclusion: spec.inclusion_blocks * spec.block_time_secs,
            confirmations: spec.confirmations,
            skew: spec.max_clock_skew_secs,
        },
        tokens: tokens.chain([native]).collect(),
        true_tokens: spec.true_tokens.clone(),
        factories: spec.factories.iter().map(factory_of).collect(),
        min_order_value: spec.minimums.order_value,
    }
}

/// What decides which rows blocks become: the start and the factories. Prices, pace and limits are
/// not of it.
pub(crate) fn reading_of(route: &Route, start_block: u64) -> B256 {
    let mut factories: Vec<_> = route.factories.iter().collect();
    factories.sort_by_key(|factory| factory.address);
    let mut hasher = Keccak256::new();
    hasher.update(start_block.to_be_bytes());
    for factory in factories {
        hasher.update(factory.dialect.name());
        hasher.update(factory.address);
        hasher.update(factory.limit_order_protocol);
        hasher.update(factory.implementations.source);
        hasher.update(factory.implementations.destination);
    }
    hasher.finalize()
}

fn factory_of(spec: &FactorySpec) -> FactoryTerms {
    let derived = EscrowImplementations::for_factory(spec.dialect, spec.address);
    FactoryTerms {
        address: spec.address,
        dialect: spec.dialect,
        limit_order_protocol: spec.limit_order_protocol,
        implementations: EscrowImplementations {
            source: spec.source_implementation.unwrap_or(derived.source),
            destination: spec.destination_implementation.unwrap_or(derived.destination),
        },
        rescue_delay: spec.rescue_delay_secs,
        index_only: spec.index_only,
    }
}

/// The policy of a configuration.
pub const fn policy_of(policy: &bmn_config::Policy) -> Policy {
    Policy {
        min_profit_bps: policy.min_profit_bps,
        max_order_value: policy.max_order_value,
        maker_reaction: policy.maker_reaction_secs,
        max_window: policy.max_window_secs,
        allow_direct_source: policy.allow_direct_source,
        max_open_orders: policy.max_open_orders,
        cancel_refused_gas: policy.cancel_refused_gas,
    }
}

/// The rules of a set of chains.
pub fn rules_of<'a>(
    us: Address,
    specs: impl IntoIterator<Item = &'a ChainSpec>,
    policy: Policy,
) -> Rules {
    Rules { us, routes: specs.into_iter().map(route_of).collect(), policy }
}

//! From configuration to what orders are judged against.

use alloy::primitives::{Address, B256, Keccak256};
use bmn_config::{ChainSpec, FactorySpec, PriceSpec};
use bmn_contracts::EscrowImplementations;
use bmn_queue::Rules;
use bmn_rpc_api::BelievedFactory;
use bmn_swap::{
    ConfirmationStep, FactoryTerms, OrderLimits, Pace, Policy, Price, PriceSourceTerms, PriceTerms,
    RefundLimits, Retention, Route, RouteCap, RouteLimits, TokenFlag, TokenTerms,
};

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
        limits: limits_of(spec),
        resolver: spec.resolver_contract,
    }
}

fn limits_of(spec: &ChainSpec) -> RouteLimits {
    let coin = [(Address::ZERO, spec.native.prices.as_ref())];
    let tokens = spec.tokens.iter().map(|token| (token.address, token.prices.as_ref()));
    RouteLimits {
        op_stack: spec.op_stack,
        confirmation_steps: spec
            .confirmation_steps
            .iter()
            .map(|step| ConfirmationStep {
                from_value: step.from_value,
                confirmations: step.confirmations,
            })
            .collect(),
        prices: tokens
            .chain(coin)
            .filter_map(|(address, prices)| Some((address, price_terms_of(prices?))))
            .collect(),
        flags: spec
            .tokens
            .iter()
            .filter(|token| !token.flags.is_empty())
            .map(|token| {
                let named = |flag: &String| {
                    TokenFlag::ALL.iter().find(|(_, name)| name == flag).map(|(flag, _)| *flag)
                };
                (token.address, token.flags.iter().filter_map(named).collect())
            })
            .collect(),
        token_caps: spec
            .tokens
            .iter()
            .filter_map(|token| Some((token.address, token.max_open_value?)))
            .collect(),
        factory_caps: spec
            .factories
            .iter()
            .filter_map(|factory| Some((factory.address, factory.max_exposure?)))
            .collect(),
    }
}

fn price_terms_of(prices: &PriceSpec) -> PriceTerms {
    let sources = prices
        .sources
        .iter()
        .map(|source| PriceSourceTerms { name: source.name.clone(), max_age: source.max_age_secs });
    PriceTerms { sources: sources.collect(), max_spread_bps: prices.max_spread_bps }
}

fn order_limits_of(limits: &bmn_config::PolicyLimits) -> OrderLimits {
    OrderLimits {
        min_profit: limits.min_profit_value,
        slippage_bps: limits.slippage_bps,
        gas_stress_percent: limits.gas_stress_percent,
        failure_share_bps: limits.failure_share_bps,
        max_failure_cost: limits.max_failure_cost,
        min_time_left: limits.min_time_left_secs,
        max_token_value: limits.max_token_value,
        max_maker_value: limits.max_maker_value,
        max_route_value: limits.max_route_value,
        max_factory_value: limits.max_factory_value,
        route_caps: limits
            .routes
            .iter()
            .map(|cap| RouteCap { from: cap.from, to: cap.to, limit: cap.max_value })
            .collect(),
        allow_makers: limits.allow_makers.clone(),
        deny_makers: limits.deny_makers.clone(),
        allow_tokens: limits.allow_tokens.clone(),
        deny_tokens: limits.deny_tokens.clone(),
        refunds: RefundLimits {
            per_day: limits.refunds_per_day,
            gas_per_day: limits.refund_gas_per_day_wei,
        },
        retention: Retention {
            seconds: limits.refused_days.checked_mul(86_400).filter(|seconds| *seconds > 0),
            rows: Some(limits.refused_rows),
        },
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

/// The factories of a chain, for whoever verifies a proof.
pub fn believed_factories(spec: &ChainSpec) -> Vec<BelievedFactory> {
    let believed = |factory: &FactorySpec| {
        let FactoryTerms { address, dialect, implementations, .. } = factory_of(factory);
        BelievedFactory { chain: spec.chain_id.0, address, dialect, implementations }
    };
    spec.factories.iter().map(believed).collect()
}

/// The policy of a configuration.
pub fn policy_of(policy: &bmn_config::Policy) -> Policy {
    Policy {
        min_profit_bps: policy.min_profit_bps,
        max_order_value: policy.max_order_value,
        maker_reaction: policy.maker_reaction_secs,
        max_window: policy.max_window_secs,
        allow_direct_source: policy.allow_direct_source,
        max_open_orders: policy.max_open_orders,
        cancel_refused_gas: policy.cancel_refused_gas,
        limits: order_limits_of(&policy.limits),
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

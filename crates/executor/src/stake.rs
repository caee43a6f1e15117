//! What is at stake in an action: more than that its gas never costs (design rule M6). Pure functions of the
//! order's amounts and the specification's prices, which a market cannot move.

use alloy::primitives::{Address, U256};
use bmn_primitives::ChainId;
use bmn_swap::{Action, ActionKey, DestinationPlan, Order, Terms, TokenTerms};

/// Most that is bid for a unit of gas, wei, where neither a price says what is at stake nor the operator what
/// gas may cost: a thousand gwei. Without it a host that lies about the market would name the price.
pub(crate) const UNPRICED_MOST: u128 = 1_000_000_000_000;

/// Least share of the source's value that beginning a swap, or going on with one, may cost in gas: basis
/// points. Orders are admitted by market prices, which may show a profit where the specification's do not.
const SHARE_BPS: u128 = 100;

/// Wei of the acting chain's coin that `key` saves or earns: for a way out the principal of its escrow, for a
/// fill or a funding what both legs leave as profit, or a hundredth of the source where that is more.
/// None where a price is missing.
pub(crate) fn at_stake(
    key: ActionKey,
    order: &Order,
    plan: Option<&DestinationPlan>,
    terms: &Terms<'_>,
) -> Option<U256> {
    let source = || value(terms, order.id.chain, order.source_token, order.source_amount);
    let destination = || match plan {
        Some(plan) => {
            let imm = &plan.immutables;
            value(terms, plan.chain, imm.token.masked(), imm.amount)
        }
        None => {
            let (token, amount) = (order.destination_token, order.destination_amount);
            value(terms, order.destination_chain, token, amount)
        }
    };
    let value = match key.action {
        Action::Fill | Action::FundDestination => {
            let received = source()?;
            let profit = destination().map_or(0, |paid| received.saturating_sub(paid));
            profit.max(received / 10_000 * SHARE_BPS)
        }
        Action::WithdrawSource | Action::CancelSource | Action::RescueSource => source()?,
        Action::WithdrawDestination | Action::CancelDestination => destination()?,
        Action::Permit
        | Action::PublicWithdrawDestination
        | Action::PublicWithdrawSource
        | Action::PublicCancelSource => return None,
    };
    let coin = priced(terms, key.chain, Address::ZERO)?;
    let whole = U256::from(10).pow(U256::from(coin.decimals));
    Some(U256::from(value).saturating_mul(whole) / U256::from(coin.price.0))
}

/// What a unit of gas may cost where `gas` of them may be used.
pub(crate) fn per_gas(stake: U256, gas: u64) -> u128 {
    u128::try_from(stake / U256::from(gas.max(1))).unwrap_or(u128::MAX)
}

fn priced<'a>(terms: &Terms<'a>, chain: ChainId, token: Address) -> Option<&'a TokenTerms> {
    terms.route(chain)?.token(token).filter(|token| token.price.0 != 0)
}

fn value(terms: &Terms<'_>, chain: ChainId, token: Address, amount: U256) -> Option<u128> {
    let token = priced(terms, chain, token)?;
    Some(token.price.value(amount, token.decimals))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;
    use bmn_primitives::{BlockRef, Dialect, Hashlock, OrderHash, OrderId, Timelocks};
    use bmn_swap::{
        Decision, OrderLimits, OrderTimes, Origin, Pace, Policy, Price, Route, RouteLimits,
    };

    const SOURCE: ChainId = ChainId(1);
    const DESTINATION: ChainId = ChainId(2);
    const TOKEN: Address = Address::repeat_byte(5);
    const COIN: u128 = 1_000_000_000_000_000_000;

    fn route(chain: ChainId, token: u64, coin: u64) -> Route {
        let terms =
            |address, decimals, price| TokenTerms { address, decimals, price: Price(price) };
        Route {
            chain,
            pace: Pace { block_time: 2, inclusion: 6, confirmations: 3, skew: 4 },
            tokens: vec![terms(TOKEN, 6, token), terms(Address::ZERO, 18, coin)],
            true_tokens: Vec::new(),
            factories: Vec::new(),
            min_order_value: 0,
            limits: RouteLimits::default(),
            resolver: None,
        }
    }

    /// A thousand whole tokens for so many.
    fn order(paid: u64) -> Order {
        let contract = Address::repeat_byte(4);
        Order {
            id: OrderId { chain: SOURCE, contract, hash: OrderHash(B256::ZERO), leaf: 0 },
            origin: Origin::DirectSource,
            dialect: Dialect::Bmn4,
            factory: Address::ZERO,
            hashlock: Hashlock::default(),
            maker: Address::ZERO,
            beneficiary: Address::ZERO,
            source_token: TOKEN,
            source_amount: U256::from(1_000_000_000u64),
            source_deposit: U256::ZERO,
            destination_chain: DESTINATION,
            destination_token: TOKEN,
            destination_amount: U256::from(paid * 1_000_000),
            destination_deposit: U256::ZERO,
            times: OrderTimes::Offsets(Timelocks::pack(0, [1, 2, 3, 4, 5, 6, 7])),
            seen_at: BlockRef::default(),
            decision: Decision::Accepted,
        }
    }

    fn stake(action: Action, order: &Order, routes: [Route; 2]) -> Option<U256> {
        let policy = Policy {
            min_profit_bps: 0,
            max_order_value: u128::MAX,
            maker_reaction: 0,
            max_window: 0,
            allow_direct_source: true,
            max_open_orders: 1,
            cancel_refused_gas: 0,
            limits: OrderLimits::default(),
        };
        let terms = Terms { us: Address::ZERO, routes: &routes, policy: &policy };
        let chain = match action {
            Action::FundDestination | Action::WithdrawDestination | Action::CancelDestination => {
                DESTINATION
            }
            _ => SOURCE,
        };
        let key = ActionKey { order: order.id, action, chain, escrow: Address::ZERO };
        at_stake(key, order, None, &terms)
    }

    // A token for a dollar, the source's coin for a thousand, the destination's for ten.
    fn priced_routes() -> [Route; 2] {
        [route(SOURCE, 1_000_000, 1_000_000_000), route(DESTINATION, 1_000_000, 10_000_000)]
    }

    #[test]
    fn a_way_out_may_cost_its_principal_and_a_beginning_its_profit_in_the_acting_chains_coin() {
        let of = |action, paid| stake(action, &order(paid), priced_routes());
        for action in [Action::WithdrawSource, Action::CancelSource, Action::RescueSource] {
            assert_eq!(of(action, 900), Some(U256::from(COIN)), "{}", action.name());
        }
        for action in [Action::WithdrawDestination, Action::CancelDestination] {
            assert_eq!(of(action, 900), Some(U256::from(90 * COIN)), "{}", action.name());
        }
        assert_eq!(of(Action::Fill, 900), Some(U256::from(COIN / 10)));
        assert_eq!(of(Action::FundDestination, 900), Some(U256::from(10 * COIN)));
        assert_eq!(of(Action::Permit, 900), None);
    }

    #[test]
    fn what_looks_like_no_profit_by_the_specification_may_cost_a_hundredth() {
        for paid in [995, 1_000, 2_000] {
            let found = stake(Action::Fill, &order(paid), priced_routes());
            assert_eq!(found, Some(U256::from(COIN / 100)), "{paid}");
        }
    }

    #[test]
    fn without_a_price_of_token_or_coin_nothing_says_what_is_at_stake() {
        let [source, destination] = priced_routes();
        let no_coin = [route(SOURCE, 1_000_000, 0), destination.clone()];
        let no_token = [route(SOURCE, 0, 1_000_000_000), destination];
        for routes in [no_coin, no_token] {
            assert_eq!(stake(Action::WithdrawSource, &order(900), routes.clone()), None);
            assert_eq!(stake(Action::Fill, &order(900), routes), None);
        }
        let unknown = [source, route(DESTINATION, 0, 10_000_000)];
        assert_eq!(stake(Action::CancelDestination, &order(900), unknown), None);
    }

    #[test]
    fn what_is_at_stake_is_shared_by_the_gas() {
        assert_eq!(per_gas(U256::from(1_000), 10), 100);
        assert_eq!(per_gas(U256::from(7), 0), 7);
        assert_eq!(per_gas(U256::MAX, 1), u128::MAX);
    }
}

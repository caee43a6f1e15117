//! Is this order ours to settle?

use crate::{
    Decision, Order, Origin, Policy, Refusal, Route, SignedOrder, SourceLeg,
    policy::{FactoryTerms, TokenTerms, profit},
    timeline::{Windows, compile},
    verify::check_source,
};
use alloy::primitives::{Address, U256};
use bmn_contracts::{ExtensionField, ExtraData, OrderSignature, recover_maker};
use bmn_primitives::{AddressWord, BlockRef, ChainId, Dialect, OrderHash, OrderId, Stage};

/// What an order is judged against, apart from the state of the chains.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// Our account on every chain.
    pub us: Address,
    /// The chains we serve.
    pub routes: &'a [Route],
    /// The operator's limits.
    pub policy: &'a Policy,
}

impl<'a> Terms<'a> {
    /// The route of a chain.
    pub fn route(&self, chain: ChainId) -> Option<&'a Route> {
        self.routes.iter().find(|route| route.chain == chain)
    }
}

/// The state of the chains as far as a submitted order depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntakeFacts {
    /// Source head.
    pub source_head: BlockRef,
    /// What the maker's contract says of an ERC-1271 signature; `None` for a plain account.
    pub contract_signature: Option<bool>,
    /// Maker's balance of the source token.
    pub maker_balance: U256,
    /// Maker's allowance to the limit-order contract.
    pub maker_allowance: U256,
    /// `rawRemainingInvalidatorForOrder`: 0 untouched, else the complement of what remains.
    pub raw_remaining: U256,
    /// The bit invalidator has the order's nonce.
    pub nonce_used: bool,
    /// Our destination token that is not reserved.
    pub free_token: U256,
    /// Our destination native coin that is not reserved.
    pub free_native: U256,
    /// Gas prices on (source, destination), wei per gas.
    pub gas_price: (u128, u128),
    /// Orders open now.
    pub open_orders: u64,
    /// Another order or escrow uses the hashlock.
    pub hashlock_used: bool,
    /// An order with this hash is known.
    pub order_known: bool,
}

/// A submitted order that could be read; not judged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    order: Order,
    signed: SignedOrder,
    taker_asset: AddressWord,
    source_deposit: U256,
    destination_chain: U256,
}

/// What follows the eight fields of an extension, as a field number.
const CUSTOM_DATA: u8 = 8;

impl Draft {
    /// The order, provisionally accepted.
    pub const fn order(&self) -> &Order {
        &self.order
    }
}

/// Reads a submitted order. The limit-order contract it must be signed for is the one its factory
/// takes fills from.
///
/// # Errors
/// The first thing that makes it unreadable; such an order has no identity to store.
pub fn read_submitted(
    signed: &SignedOrder,
    chain: ChainId,
    seen_at: BlockRef,
    terms: &Terms<'_>,
) -> Result<Draft, Refusal> {
    let order = &signed.order;
    let extension = order
        .check_extension(&signed.extension)
        .map_err(|error| Refusal::BadExtension(error.to_string()))?;
    let foreign = extension.present().find(|f| *f != ExtensionField::PostInteractionData);
    if let Some(field) = foreign {
        return Err(Refusal::ForeignExtensionField(field as u8));
    }
    if !extension.custom_data().is_empty() {
        return Err(Refusal::ForeignExtensionField(CUSTOM_DATA));
    }
    let (factory_address, tail) =
        extension.post_interaction().map_err(|error| Refusal::BadExtension(error.to_string()))?;
    let unknown = Refusal::UnknownFactory { chain, factory: factory_address };
    let route = terms.route(chain).ok_or_else(|| unknown.clone())?;
    let factory = route.factory(factory_address).ok_or(unknown)?;
    let extra = ExtraData::decode(factory.dialect, tail)
        .map_err(|error| Refusal::BadExtraData(error.to_string()))?;
    let clean = |field: &str, word: AddressWord| {
        word.clean().map_err(|_| Refusal::DirtyAddress { field: field.to_owned(), word })
    };
    let maker = clean("maker", order.maker)?;
    let receiver = clean("receiver", order.receiver)?;
    let contract = factory.limit_order_protocol;
    let domain = bmn_contracts::order_domain(factory.dialect, chain, contract);
    let id = OrderId { chain, contract, hash: order.hash(&domain), leaf: 0 };
    Ok(Draft {
        order: Order {
            id,
            origin: Origin::Submitted(Box::new(signed.clone())),
            dialect: factory.dialect,
            factory: factory.address,
            hashlock: extra.hashlock,
            maker,
            beneficiary: if receiver.is_zero() { maker } else { receiver },
            source_token: clean("makerAsset", order.maker_asset)?,
            source_amount: order.making_amount,
            destination_chain: ChainId(u64::try_from(extra.dst_chain_id).unwrap_or(u64::MAX)),
            destination_token: clean("dstToken", extra.dst_token)?,
            destination_amount: order.taking_amount,
            destination_deposit: extra.dst_deposit(factory.dialect),
            src_cancellation: extra.src_cancellation(),
            dst_withdrawal: extra.dst_withdrawal(),
            seen_at,
            decision: Decision::Accepted,
        },
        signed: signed.clone(),
        taker_asset: order.taker_asset,
        source_deposit: extra.src_deposit(factory.dialect),
        destination_chain: extra.dst_chain_id,
    })
}

/// Judges a submitted order: every reason against it, or an empty list.
pub fn admit_submitted(draft: &Draft, facts: &IntakeFacts, terms: &Terms<'_>) -> Vec<Refusal> {
    let order = &draft.order;
    let mut reasons = Vec::new();
    reasons.extend(shape(draft, terms));
    reasons.extend(signature(draft, facts));
    reasons.extend(liveness(draft, facts, terms));
    reasons.extend(funds(order, facts));
    if terms.route(order.destination_chain).is_some() {
        reasons.extend(inventory(order, facts));
    }
    if facts.hashlock_used {
        reasons.push(Refusal::HashlockUsed(order.hashlock));
    }
    if facts.order_known {
        reasons.push(Refusal::OrderKnown(order.id.hash));
    }
    reasons.extend(route(order, draft.destination_chain, terms));
    reasons.extend(worth(order, facts.gas_price, facts.open_orders, terms));
    reasons.extend(fits(order, facts.source_head.time, true, terms));
    reasons
}

fn shape(draft: &Draft, terms: &Terms<'_>) -> Vec<Refusal> {
    let order = &draft.order;
    let traits = draft.signed.order.maker_traits;
    let mut reasons = Vec::new();
    reasons.extend(served(order, terms));
    for (set, name) in
        [(traits.has_extension(), "HAS_EXTENSION"), (traits.post_interaction(), "POST_INTERACTION")]
    {
        if !set {
            reasons.push(Refusal::MissingTrait(name.to_owned()));
        }
    }
    for (set, name) in [
        (traits.pre_interaction(), "PRE_INTERACTION"),
        (traits.needs_epoch_check(), "NEED_CHECK_EPOCH"),
        (traits.use_permit2(), "USE_PERMIT2"),
        (traits.unwrap_weth(), "UNWRAP_WETH"),
    ] {
        if set {
            reasons.push(Refusal::UnsupportedTrait(name.to_owned()));
        }
    }
    if !traits.allows(terms.us) {
        let allowed = format!("{:#x}", traits.allowed_sender());
        reasons.push(Refusal::PrivateOrder { allowed, us: terms.us });
    }
    for (amount, name) in
        [(order.source_amount, "makingAmount"), (order.destination_amount, "takingAmount")]
    {
        if amount.is_zero() {
            reasons.push(Refusal::ZeroAmount(name.to_owned()));
        }
    }
    if !draft.source_deposit.is_zero() {
        reasons.push(Refusal::SourceDeposit(draft.source_deposit));
    }
    reasons.extend(taker_asset(draft, terms));
    reasons
}

// Every dialect is indexed; orders of one are settled, at factories that give back what goes in.
fn served(order: &Order, terms: &Terms<'_>) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    if order.dialect != Dialect::Bmn4 {
        reasons.push(Refusal::DialectNotFilled(order.dialect));
    }
    let factory = terms.route(order.id.chain).and_then(|route| route.factory(order.factory));
    if let Some(reason) = factory.and_then(FactoryTerms::index_only_reason) {
        let (chain, factory) = (order.id.chain, order.factory);
        reasons.push(Refusal::IndexOnly { chain, factory, reason });
    }
    reasons
}

fn taker_asset(draft: &Draft, terms: &Terms<'_>) -> Option<Refusal> {
    let word = draft.taker_asset;
    let Ok(asset) = word.clean() else {
        return Some(Refusal::DirtyAddress { field: "takerAsset".to_owned(), word });
    };
    let route = terms.route(draft.order.id.chain)?;
    (!route.true_tokens.contains(&asset)).then_some(Refusal::DoublePayment(asset))
}

fn signature(draft: &Draft, facts: &IntakeFacts) -> Option<Refusal> {
    match &draft.signed.signature {
        OrderSignature::Contract(_) if facts.contract_signature == Some(true) => None,
        OrderSignature::Contract(_) => {
            let reason = "the maker's contract does not accept it (ERC-1271)";
            Some(Refusal::UnusableSignature(reason.to_owned()))
        }
        compact => match recover_maker(draft.order.id.hash, compact) {
            Ok(recovered) if recovered == draft.order.maker => None,
            Ok(recovered) => Some(Refusal::BadSignature { recovered, maker: draft.order.maker }),
            Err(error) => Some(Refusal::UnusableSignature(error.to_string())),
        },
    }
}

fn liveness(draft: &Draft, facts: &IntakeFacts, terms: &Terms<'_>) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let traits = draft.signed.order.maker_traits;
    let now = facts.source_head.time;
    let expiration = traits.expiration();
    if expiration != 0 && expiration < now {
        reasons.push(Refusal::Expired { expiration, now });
    }
    let making = draft.order.source_amount;
    let remaining = if facts.raw_remaining.is_zero() { making } else { !facts.raw_remaining };
    if facts.nonce_used || remaining.is_zero() {
        reasons.push(Refusal::Invalidated);
    } else if remaining < making {
        reasons.push(Refusal::PartiallyFilled { remaining, making });
    }
    reasons.extend(window_range(&draft.order, now, terms.policy));
    reasons
}

// The factory truncates offsets to 32 bits: a time too far ahead becomes one that is over.
fn window_range(order: &Order, now: u64, policy: &Policy) -> Vec<Refusal> {
    let latest = now.saturating_add(policy.max_window);
    [("srcCancellation", order.src_cancellation), ("dstWithdrawal", order.dst_withdrawal)]
        .into_iter()
        .filter(|(_, value)| *value <= now || *value > latest)
        .map(|(field, value)| Refusal::BadWindow {
            field: field.to_owned(),
            value,
            expected: format!("after {now} and not after {latest}"),
        })
        .collect()
}

fn funds(order: &Order, facts: &IntakeFacts) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let needed = order.source_amount;
    if facts.maker_balance < needed {
        reasons.push(Refusal::MakerBalance { balance: facts.maker_balance, needed });
    }
    if facts.maker_allowance < needed {
        reasons.push(Refusal::MakerAllowance { allowance: facts.maker_allowance, needed });
    }
    reasons
}

fn inventory(order: &Order, facts: &IntakeFacts) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let chain = order.destination_chain;
    let native = order.destination_token.is_zero();
    if !native && facts.free_token < order.destination_amount {
        reasons.push(Refusal::Inventory {
            chain,
            token: order.destination_token,
            available: facts.free_token,
            needed: order.destination_amount,
        });
    }
    let coin = order.destination_deposit.saturating_add(if native {
        order.destination_amount
    } else {
        U256::ZERO
    });
    if facts.free_native < coin {
        reasons.push(Refusal::Inventory {
            chain,
            token: Address::ZERO,
            available: facts.free_native,
            needed: coin,
        });
    }
    reasons
}

fn route(order: &Order, destination: U256, terms: &Terms<'_>) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let known = |chain: ChainId, token: Address| {
        terms.route(chain).is_some_and(|route| route.token(token).is_some())
    };
    let served = order.destination_chain != order.id.chain
        && terms
            .route(order.destination_chain)
            .is_some_and(|route| route.factory_for(order.dialect).is_some())
        && U256::from(order.destination_chain.0) == destination;
    if !served {
        reasons.push(Refusal::UnknownDestination(destination));
    } else if !known(order.destination_chain, order.destination_token) {
        let (chain, token) = (order.destination_chain, order.destination_token);
        reasons.push(Refusal::UnknownToken { chain, token });
    }
    if order.source_token.is_zero() || !known(order.id.chain, order.source_token) {
        reasons.push(Refusal::UnknownToken { chain: order.id.chain, token: order.source_token });
    }
    reasons
}

fn worth(order: &Order, gas_price: (u128, u128), open: u64, terms: &Terms<'_>) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let limit = terms.policy.max_open_orders;
    if open >= limit {
        reasons.push(Refusal::TooManyOpen { open, limit });
    }
    let token = |chain: ChainId, address: Address| -> Option<&TokenTerms> {
        terms.route(chain).and_then(|route| route.token(address))
    };
    let parts = (
        token(order.id.chain, order.source_token),
        token(order.destination_chain, order.destination_token),
        token(order.id.chain, Address::ZERO),
        token(order.destination_chain, Address::ZERO),
    );
    let (Some(source), Some(destination), Some(native_src), Some(native_dst)) = parts else {
        return reasons;
    };
    let priced = [
        (order.id.chain, source),
        (order.destination_chain, destination),
        (order.id.chain, native_src),
        (order.destination_chain, native_dst),
    ];
    // Without a price what we pay is worth nothing in our own books, and every order a bargain.
    let mut unpriced: Vec<_> = priced
        .into_iter()
        .filter(|(_, token)| token.price.0 == 0)
        .map(|(chain, token)| Refusal::NoPrice { chain, token: token.address })
        .collect();
    unpriced.dedup();
    if !unpriced.is_empty() {
        reasons.extend(unpriced);
        return reasons;
    }
    let earned = profit(
        (source, order.source_amount),
        (destination, order.destination_amount),
        (native_src, native_dst),
        gas_price,
        order.destination_deposit,
    );
    if earned.bps < terms.policy.min_profit_bps {
        let (bps, micros, min_bps) = (earned.bps, earned.net, terms.policy.min_profit_bps);
        reasons.push(Refusal::Unprofitable { bps, micros, min_bps });
    }
    let least = terms.route(order.id.chain).map_or(0, |route| route.min_order_value);
    if earned.source_value < least {
        reasons.push(Refusal::TooSmall { micros: earned.source_value, least });
    }
    if earned.source_value > terms.policy.max_order_value {
        let (micros, cap) = (earned.source_value, terms.policy.max_order_value);
        reasons.push(Refusal::TooLarge { micros, cap });
    }
    reasons
}

fn fits(order: &Order, now: u64, to_be_filled: bool, terms: &Terms<'_>) -> Option<Refusal> {
    let source = terms.route(order.id.chain)?;
    let destination = terms.route(order.destination_chain)?;
    let windows = order_windows(order, terms.policy, to_be_filled);
    compile(windows, source.pace, destination.pace, now)
        .err()
        .map(|short| Refusal::DoesNotFit { step: short.step, seconds: short.seconds })
}

/// The windows of an order as the timelock compiler takes them. The public destination window opens
/// 60 s after the private one (`SimplifiedEscrowFactory`, `protocol.md` 5.2).
pub(crate) const fn order_windows(order: &Order, policy: &Policy, to_be_filled: bool) -> Windows {
    Windows {
        src_cancellation: order.src_cancellation,
        dst_withdrawal: order.dst_withdrawal,
        dst_public_withdrawal: order.dst_withdrawal.saturating_add(60),
        maker_reaction: policy.maker_reaction,
        to_be_filled,
    }
}

/// The state of the chains as far as a direct source escrow depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectFacts {
    /// Source head.
    pub source_head: BlockRef,
    /// Gas prices on (source, destination), wei per gas.
    pub gas_price: (u128, u128),
    /// Orders open now.
    pub open_orders: u64,
    /// Another order or escrow uses the hashlock.
    pub hashlock_used: bool,
}

/// The order that a direct source escrow is, provisionally accepted. Dirty words are masked here and
/// refused by [`admit_direct`]. One whose immutables the chain does not state is refused at once, with
/// nothing in place of what is unknown and no time at which it could be given back.
pub fn read_direct(leg: &SourceLeg) -> Order {
    let Some((immutables, complement)) = leg.stated() else { return unreadable(leg) };
    let chain = u64::try_from(complement.chain_id).unwrap_or(u64::MAX);
    Order {
        id: direct_id(leg),
        origin: Origin::DirectSource,
        dialect: leg.dialect,
        factory: leg.factory,
        hashlock: immutables.hashlock,
        maker: immutables.maker.masked(),
        beneficiary: complement.maker.masked(),
        source_token: immutables.token.masked(),
        source_amount: immutables.amount,
        destination_chain: ChainId(chain),
        destination_token: complement.token.masked(),
        destination_amount: complement.amount,
        destination_deposit: complement.safety_deposit,
        src_cancellation: immutables.timelocks.at(Stage::SrcCancellation),
        dst_withdrawal: immutables.timelocks.at(Stage::DstWithdrawal),
        seen_at: leg.created.block,
        decision: Decision::Accepted,
    }
}

fn unreadable(leg: &SourceLeg) -> Order {
    let address = |word: Option<AddressWord>| word.map_or(Address::ZERO, AddressWord::masked);
    Order {
        id: direct_id(leg),
        origin: Origin::DirectSource,
        dialect: leg.dialect,
        factory: leg.factory,
        hashlock: leg.hashlock().unwrap_or_default(),
        maker: address(leg.maker()),
        beneficiary: Address::ZERO,
        source_token: address(leg.token()),
        source_amount: leg.amount().unwrap_or_default(),
        destination_chain: ChainId(u64::MAX),
        destination_token: Address::ZERO,
        destination_amount: U256::ZERO,
        destination_deposit: U256::ZERO,
        src_cancellation: u64::MAX,
        dst_withdrawal: u64::MAX,
        seen_at: leg.created.block,
        decision: Decision::Refused(vec![Refusal::ImmutablesUnknown(leg.swap.escrow)]),
    }
}

/// Identity of the order that a direct source escrow is. Its escrow alone is unique: where the chain
/// names no order hash, zero stands for it.
pub fn direct_id(leg: &SourceLeg) -> OrderId {
    let hash: OrderHash = leg.order_hash().unwrap_or_default();
    OrderId { chain: leg.swap.chain, contract: leg.swap.escrow, hash, leaf: 0 }
}

/// Judges a direct source escrow (design rule M1): every reason against it, or an empty list.
pub fn admit_direct(
    order: &Order,
    leg: &SourceLeg,
    facts: &DirectFacts,
    terms: &Terms<'_>,
) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    if !terms.policy.allow_direct_source {
        reasons.push(Refusal::DirectOff);
    }
    reasons.extend(served(order, terms));
    reasons.extend(check_source(order, leg, terms));
    let Some((_, complement)) = leg.stated() else { return reasons };
    if facts.hashlock_used {
        reasons.push(Refusal::HashlockUsed(order.hashlock));
    }
    reasons.extend(window_range(order, facts.source_head.time, terms.policy));
    reasons.extend(route(order, complement.chain_id, terms));
    reasons.extend(worth(order, facts.gas_price, facts.open_orders, terms));
    reasons.extend(fits(order, facts.source_head.time, false, terms));
    reasons
}

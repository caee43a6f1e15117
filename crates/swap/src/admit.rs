//! Is this order ours to settle?

use crate::{
    Decision, Order, OrderTimes, Origin, Part, Policy, Refusal, Route, SignedOrder, SourceLeg,
    header::{fill_opens_at, header_refusals},
    parts::{affordable_making, check_secrets, has_parts, next_part},
    policy::FactoryTerms,
    times::timetable_at,
    verify::check_source,
    worth::{MakerClaims, Market, funds, inventory, route, worth},
};
use alloy::primitives::{Address, Bytes, U256, U512};
use bmn_contracts::{ExtensionField, ExtraData, OrderSignature, parts_of, recover_maker};
use bmn_primitives::{
    AddressWord, BlockRef, ChainId, Dialect, Hashlock, OrderHash, OrderId, Stage,
};

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

    /// Who of us takes orders, and owns destinations, of a dialect on a chain: the signer, or our
    /// contract there. None for dialects that are indexed only and where the contract is not configured.
    pub fn taker(&self, chain: ChainId, dialect: Dialect) -> Option<Address> {
        self.route(chain)?.taker(self.us, dialect)
    }
}

/// The state of the chains as far as a submitted order depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntakeFacts {
    /// Source head.
    pub source_head: BlockRef,
    /// What the maker's contract says of an ERC-1271 signature; `None` for a plain account.
    pub contract_signature: Option<bool>,
    /// Maker's balance of the source token.
    pub maker_balance: U256,
    /// Maker's allowance to the limit-order contract.
    pub maker_allowance: U256,
    /// What his other open orders will take of the same token.
    pub maker_claims: MakerClaims,
    /// `rawRemainingInvalidatorForOrder`: 0 untouched, else the complement of what remains.
    pub raw_remaining: U256,
    /// The bit invalidator has the order's nonce.
    pub nonce_used: bool,
    /// Our destination token that is not reserved.
    pub free_token: U256,
    /// Our destination native coin that is not reserved.
    pub free_native: U256,
    /// Our source native coin that is not reserved; a fill pays the source's safety deposit of it.
    pub free_source_native: U256,
    /// Gas prices on (source, destination), wei per gas.
    pub gas_price: (u128, u128),
    /// Orders open now.
    pub open_orders: u64,
    /// Another order or escrow uses the hashlock.
    pub hashlock_used: bool,
    /// An order with this hash is known elsewhere, or a fill of it is under way.
    pub order_known: bool,
    /// Prices, fees for data, and what stands against the caps.
    pub market: Market,
}

/// A submitted order that could be read; not judged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    order: Order,
    signed: SignedOrder,
    taker_asset: AddressWord,
    destination_chain: U256,
    /// What stands in front of the extra data (1inch): fees and who may fill.
    header: Bytes,
    /// The order's hashlock word, where it takes several fills and none of them is chosen yet.
    undivided: Option<Hashlock>,
}

/// What follows the eight fields of an extension, as a field number.
const CUSTOM_DATA: u8 = 8;

impl Draft {
    /// The order, provisionally accepted. One that takes several fills stands for all of them until
    /// [`choose_part`] has chosen ours.
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// As it was handed in.
    pub const fn signed(&self) -> &SignedOrder {
        &self.signed
    }

    /// True when the order takes several fills and ours is still to be chosen.
    pub const fn is_undivided(&self) -> bool {
        self.undivided.is_some()
    }
}

/// The fill of an order of several that is ours next: all that is left, or what inventory and limits
/// allow of it. Where none can be ours now, the draft stays undivided and the reason is told. Any other
/// draft stays as it is.
pub fn choose_part(
    mut draft: Draft,
    facts: &IntakeFacts,
    terms: &Terms<'_>,
) -> (Draft, Option<Refusal>) {
    let Some(word) = draft.undivided else { return (draft, None) };
    let chosen = check_secrets(word, &draft.signed.secret_hashes).and_then(|()| {
        let (least, most) = part_bounds(&draft, facts, terms);
        let left = remaining(&draft, facts);
        let part = next_part(&draft.signed.order, parts_of(word), left, most, least)?;
        let hash = draft.signed.secret_hashes.get(usize::from(part.leaf)).copied();
        let absent = || Refusal::BadSecretHashes(format!("there is none for part {}", part.leaf));
        Ok((part, hash.ok_or_else(absent)?))
    });
    match chosen {
        Ok((Part { leaf, making, taking }, hashlock)) => {
            draft.order.id.leaf = leaf;
            draft.order.hashlock = hashlock;
            draft.order.source_amount = making;
            draft.order.destination_amount = taking;
            draft.undivided = None;
            (draft, None)
        }
        Err(reason) => (draft, Some(reason)),
    }
}

/// The least and the most that a part of ours may make, smallest unit of the source token.
fn part_bounds(draft: &Draft, facts: &IntakeFacts, terms: &Terms<'_>) -> (U256, U256) {
    let (order, whole) = (&draft.order, &draft.signed.order);
    let payable = if order.destination_token.is_zero() {
        facts.free_native.saturating_sub(order.destination_deposit)
    } else {
        facts.free_token
    };
    let most = affordable_making(whole, payable);
    let route = terms.route(order.id.chain);
    let token = route.and_then(|route| route.token(order.source_token));
    match (route, token) {
        (Some(route), Some(token)) if token.price.0 != 0 => {
            let amount = |micros: u128, up: bool| {
                let scaled = U512::from(micros) * U512::from(10).pow(U512::from(token.decimals));
                let price = U512::from(token.price.0);
                let amount = if up { scaled.div_ceil(price) } else { scaled / price };
                amount.saturating_to::<U256>()
            };
            let cap = amount(terms.policy.max_order_value, false);
            (amount(route.min_order_value, true), most.min(cap))
        }
        _ => (U256::ZERO, most),
    }
}

/// What of the making amount nobody has filled.
pub fn remaining(draft: &Draft, facts: &IntakeFacts) -> U256 {
    let making = draft.signed.order.making_amount;
    if facts.raw_remaining.is_zero() { making } else { !facts.raw_remaining }
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
    let undivided = has_parts(factory.dialect, order).then_some(extra.hashlock);
    if undivided.is_none() && !signed.secret_hashes.is_empty() {
        let reason = "the order takes one fill, so it has one secret".to_owned();
        return Err(Refusal::BadSecretHashes(reason));
    }
    let header = tail.get(..tail.len().saturating_sub(ExtraData::LEN)).unwrap_or_default();
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
            source_deposit: extra.src_deposit(factory.dialect),
            times: OrderTimes::of(&extra, factory.dialect),
            seen_at,
            decision: Decision::Accepted,
        },
        signed: signed.clone(),
        taker_asset: order.taker_asset,
        destination_chain: extra.dst_chain_id,
        header: Bytes::copy_from_slice(if factory.dialect.has_absolute_times() {
            &[]
        } else {
            header
        }),
        undivided,
    })
}

/// Judges a submitted order: every reason against it, or an empty list.
pub fn admit_submitted(draft: &Draft, facts: &IntakeFacts, terms: &Terms<'_>) -> Vec<Refusal> {
    let order = &draft.order;
    let mut reasons = Vec::new();
    reasons.extend(shape(draft, terms));
    reasons.extend(signature(draft, facts));
    reasons.extend(liveness(draft, facts, terms));
    reasons.extend(route(order, draft.destination_chain, terms));
    let late = fits(order, None, facts.source_head.time, &reasons, terms);
    reasons.extend(late);
    if let Some(word) = draft.undivided {
        // What the whole would cost says nothing about the part that could be ours.
        let (remaining, most) = (remaining(draft, facts), part_bounds(draft, facts, terms).1);
        let reason = format!("none of its {} parts is chosen", parts_of(word));
        reasons.push(Refusal::NoPart { remaining, most, reason });
        return reasons;
    }
    reasons.extend(funds(order, facts));
    if terms.route(order.destination_chain).is_some() {
        reasons.extend(inventory(order, facts));
    }
    if facts.free_source_native < order.source_deposit {
        reasons.push(Refusal::Inventory {
            chain: order.id.chain,
            token: Address::ZERO,
            available: facts.free_source_native,
            needed: order.source_deposit,
        });
    }
    if facts.hashlock_used {
        reasons.push(Refusal::HashlockUsed(order.hashlock));
    }
    if facts.order_known {
        reasons.push(Refusal::OrderKnown(order.id.hash));
    }
    let (now, open) = (facts.source_head.time, facts.open_orders);
    reasons.extend(worth(order, &facts.market, facts.gas_price, open, now, terms));
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
    if let Some(us) = terms.taker(order.id.chain, order.dialect) {
        if !traits.allows(us) {
            let allowed = format!("{:#x}", traits.allowed_sender());
            reasons.push(Refusal::PrivateOrder { allowed, us });
        }
        reasons.extend(header_refusals(order.dialect, &draft.header, us));
    }
    for (amount, name) in
        [(order.source_amount, "makingAmount"), (order.destination_amount, "takingAmount")]
    {
        if amount.is_zero() {
            reasons.push(Refusal::ZeroAmount(name.to_owned()));
        }
    }
    if order.dialect.has_absolute_times() && !order.source_deposit.is_zero() {
        reasons.push(Refusal::SourceDeposit(order.source_deposit));
    }
    reasons.extend(taker_asset(draft, terms));
    reasons
}

// Every dialect is indexed; orders are settled of those that somebody of us can take, at factories that
// give back what goes in.
fn served(order: &Order, terms: &Terms<'_>) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let dialect = order.dialect;
    if matches!(dialect, Dialect::Bmn1 | Dialect::Bmn11 | Dialect::Bmn23) {
        reasons.push(Refusal::DialectNotFilled(dialect));
    } else {
        let chains = [order.id.chain, order.destination_chain];
        let without = chains.into_iter().filter(|chain| {
            terms.route(*chain).is_some_and(|route| route.taker(terms.us, dialect).is_none())
        });
        reasons.extend(without.map(|chain| Refusal::NoTaker { chain, dialect }));
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

/// What is wrong with a signature that no chain needs to be asked about; none for that of a contract.
pub fn check_signature(draft: &Draft) -> Option<Refusal> {
    match &draft.signed.signature {
        OrderSignature::Contract(_) => None,
        compact => match recover_maker(draft.order.id.hash, compact) {
            Ok(recovered) if recovered == draft.order.maker => None,
            Ok(recovered) => Some(Refusal::BadSignature { recovered, maker: draft.order.maker }),
            Err(error) => Some(Refusal::UnusableSignature(error.to_string())),
        },
    }
}

fn signature(draft: &Draft, facts: &IntakeFacts) -> Option<Refusal> {
    match &draft.signed.signature {
        OrderSignature::Contract(_) if facts.contract_signature == Some(true) => None,
        OrderSignature::Contract(_) => {
            let reason = "the maker's contract does not accept it (ERC-1271)";
            Some(Refusal::UnusableSignature(reason.to_owned()))
        }
        _ => check_signature(draft),
    }
}

/// Longest wait for a fill to open, seconds, beside the time that a transaction takes: what was priced and
/// promised at the door is good for no longer.
const LONGEST_WAIT: u64 = 180;

fn opens_later(draft: &Draft, now: u64, terms: &Terms<'_>) -> Option<Refusal> {
    let order = &draft.order;
    let taker = terms.taker(order.id.chain, order.dialect)?;
    let longest = LONGEST_WAIT.saturating_add(terms.route(order.id.chain)?.pace.inclusion);
    let opens_at = fill_opens_at(order, taker);
    (opens_at > now.saturating_add(longest)).then_some(Refusal::OpensLater {
        opens_at,
        now,
        longest,
    })
}

fn liveness(draft: &Draft, facts: &IntakeFacts, terms: &Terms<'_>) -> Vec<Refusal> {
    let mut reasons = Vec::new();
    let traits = draft.signed.order.maker_traits;
    let now = facts.source_head.time;
    let expiration = traits.expiration();
    if expiration != 0 && expiration < now {
        reasons.push(Refusal::Expired { expiration, now });
    }
    reasons.extend(opens_later(draft, now, terms));
    let making = draft.signed.order.making_amount;
    let remaining = remaining(draft, facts);
    if facts.nonce_used || remaining.is_zero() {
        reasons.push(Refusal::Invalidated);
    } else if remaining < making && draft.signed.secret_hashes.is_empty() {
        reasons.push(Refusal::PartiallyFilled { remaining, making });
    }
    reasons.extend(window_range(&draft.order, now, terms.policy));
    reasons
}

// The factory truncates offsets to 32 bits: a time too far ahead becomes one that is over. Offsets in an
// order are within 32 bits, and can be too long all the same.
fn window_range(order: &Order, now: u64, policy: &Policy) -> Vec<Refusal> {
    let latest = now.saturating_add(policy.max_window);
    let bad = |field: String, value: u64| Refusal::BadWindow {
        field,
        value,
        expected: format!("after {now} and not after {latest}"),
    };
    match order.times {
        OrderTimes::Absolute { src_cancellation, dst_withdrawal } => {
            [("srcCancellation", src_cancellation), ("dstWithdrawal", dst_withdrawal)]
                .into_iter()
                .filter(|(_, value)| *value <= now || *value > latest)
                .map(|(field, value)| bad(field.to_owned(), value))
                .collect()
        }
        OrderTimes::Offsets(offsets) => Stage::ALL
            .into_iter()
            .map(|stage| (stage, now.saturating_add(u64::from(offsets.offset(stage)))))
            .filter(|(_, value)| *value > latest)
            .map(|(stage, value)| bad(format!("{stage:?}"), value))
            .collect(),
    }
}

// Of times that are out of range it is enough to hear that.
fn fits(
    order: &Order,
    leg: Option<&SourceLeg>,
    now: u64,
    found: &[Refusal],
    terms: &Terms<'_>,
) -> Vec<Refusal> {
    let is_window = |reason: &Refusal| matches!(reason, Refusal::BadWindow { .. });
    let told = found.iter().any(is_window);
    let reasons = timetable_at(order, leg, now, terms).map(|table| table.refusals());
    reasons.into_iter().flatten().filter(|reason| !(told && is_window(reason))).collect()
}

/// The state of the chains as far as a direct source escrow depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectFacts {
    /// Source head.
    pub source_head: BlockRef,
    /// Gas prices on (source, destination), wei per gas.
    pub gas_price: (u128, u128),
    /// Orders open now.
    pub open_orders: u64,
    /// Another order or escrow uses the hashlock.
    pub hashlock_used: bool,
    /// Prices, fees for data, and what stands against the caps.
    pub market: Market,
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
        source_deposit: immutables.safety_deposit,
        times: OrderTimes::Absolute {
            src_cancellation: immutables.timelocks.at(Stage::SrcCancellation),
            dst_withdrawal: immutables.timelocks.at(Stage::DstWithdrawal),
        },
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
        source_deposit: U256::ZERO,
        times: OrderTimes::Absolute { src_cancellation: u64::MAX, dst_withdrawal: u64::MAX },
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
    let (now, open) = (facts.source_head.time, facts.open_orders);
    reasons.extend(worth(order, &facts.market, facts.gas_price, open, now, terms));
    let late = fits(order, Some(leg), now, &reasons, terms);
    reasons.extend(late);
    reasons
}

//! What a maker signs: an order, or a source escrow of his own. Traps are orders with one thing
//! wrong.

use crate::{
    SimError,
    accounts::{DevAccount, INTEGRATOR, PROTOCOL, derive},
    network::NetworkChain,
    scenario::{Payout, SwapSpec, Trap},
};
use alloy::{
    primitives::{Address, Bytes, U256},
    signers::local::PrivateKeySigner,
};
use bmn_config::DevContract;
use bmn_contracts::{
    Admission, DestinationFees, EscrowImplementations, ExtraData, FeeTerms, FillFee, FillTerms,
    LimitOrder, MakerTraits, OrderDraft, OrderError, OrderFile, OrderSignature, WhitelistEntry,
    order_domain, sign_order, source_escrow,
};
use bmn_primitives::{
    AddressWord, ChainId, Complement, Dialect, Hashlock, Immutables, OrderHash, OrderId, Timelocks,
};

/// The dialect of source escrows that makers create themselves.
const DIRECT_DIALECT: Dialect = Dialect::Bmn4;
/// Destination withdrawal, private and public, of an order that states offsets; seconds after the
/// destination's creation.
const OFFSETS_OF_WITHDRAWAL: [u32; 2] = [20, 40];
/// A trap may be filled so many seconds later.
const OPENS_LATER: u64 = 60;
/// Of the destination amount of `oneinch2` orders, in 1/100 000.
const INTEGRATOR_FEE: u16 = 120;
/// The same for the protocol, before the discount for those on the whitelist.
const RESOLVER_FEE: u16 = 90;
/// A direct escrow's clock is set this far back, seconds: a reorg may mine it a little earlier than
/// its maker thought, and a clock in the future is refused.
const CLOCK_MARGIN: u64 = 30;
/// A trap's clock is set back by this much, seconds.
const BACKDATED: u64 = 1_000;
/// A chain that nobody serves.
const FOREIGN_CHAIN: u64 = 99_999;

/// Both sides of a swap, in amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amounts {
    /// Token sold.
    pub(crate) source_token: Address,
    /// How much of it.
    pub(crate) source: U256,
    /// Token bought; zero is the native coin.
    pub(crate) destination_token: Address,
    /// How much of it.
    pub(crate) destination: U256,
}

/// What an offer is made from.
pub(crate) struct OfferTerms<'a> {
    pub(crate) spec: &'a SwapSpec,
    pub(crate) seed: u64,
    pub(crate) source: &'a NetworkChain,
    pub(crate) destination: &'a NetworkChain,
    pub(crate) maker: &'a PrivateKeySigner,
    pub(crate) hashlock: Hashlock,
    pub(crate) amounts: Amounts,
    /// The source chain's time.
    pub(crate) now: u64,
}

/// A signed order.
#[derive(Debug, Clone)]
pub(crate) struct SignedOffer {
    pub(crate) order: LimitOrder,
    pub(crate) extension: Bytes,
    pub(crate) signature: OrderSignature,
    pub(crate) id: OrderId,
    pub(crate) file: OrderFile,
    /// Source cancellation and destination withdrawal, as ordered where the order states times.
    pub(crate) times: (u64, u64),
    /// Who may fill and what it costs, where the dialect says so.
    pub(crate) fill_terms: Option<FillTerms>,
    /// The timelocks word.
    pub(crate) offsets: Timelocks,
}

/// A source escrow that its maker creates himself.
#[derive(Debug, Clone)]
pub(crate) struct DirectOffer {
    pub(crate) immutables: Immutables,
    pub(crate) complement: Complement,
    pub(crate) id: OrderId,
}

/// Who pays whom out of a destination amount: what the maker signed.
pub(crate) fn fee_terms() -> FeeTerms {
    FeeTerms {
        integrator: INTEGRATOR,
        protocol: PROTOCOL,
        integrator_fee: INTEGRATOR_FEE,
        integrator_share: 60,
        resolver_fee: RESOLVER_FEE,
        whitelist_discount: 50,
        post_interaction: None,
    }
}

/// The fees in the destination of a swap.
pub(crate) fn fees(dialect: Dialect, taking: U256) -> DestinationFees {
    match dialect {
        Dialect::OneInch2 => fee_terms().of_fill(Admission::Whitelisted, taking),
        _ => DestinationFees::default(),
    }
}

/// What a swap trades, at the prices of the chain specifications.
pub(crate) fn amounts(
    spec: &SwapSpec,
    source: &NetworkChain,
    destination: &NetworkChain,
) -> Result<Amounts, SimError> {
    let missing = |chain: &NetworkChain, symbol: &str| SimError::SetUp {
        chain: chain.id(),
        step: format!("there is no token {symbol}"),
    };
    let symbol = spec.token.symbol();
    let sold = source.spec.token_named(symbol).ok_or_else(|| missing(source, symbol))?;
    let value = U256::from(spec.value);
    let keeps = 10_000_u64.saturating_add_signed(-spec.margin_bps);
    let paid = value * U256::from(keeps) / U256::from(10_000);
    let (destination_token, price, decimals) = match spec.payout {
        Payout::Native => {
            let native = &destination.spec.native;
            (Address::ZERO, native.price, native.decimals)
        }
        Payout::Token => {
            let symbol = spec.token.other().symbol();
            let token = destination.spec.token_named(symbol);
            let token = token.ok_or_else(|| missing(destination, symbol))?;
            (token.address, token.price, token.decimals)
        }
    };
    let in_units = |value: U256, price: u64, decimals: u8| {
        value * U256::from(10).pow(U256::from(decimals)) / U256::from(price)
    };
    Ok(Amounts {
        source_token: sold_token(spec, sold.address),
        source: in_units(value, sold.price, sold.decimals),
        destination_token,
        destination: in_units(paid, price, decimals),
    })
}

fn sold_token(spec: &SwapSpec, ordinary: Address) -> Address {
    match spec.trap() {
        Some(Trap::UnknownToken) => DevContract::AccessToken.address(),
        Some(Trap::FeeOnTransferToken | Trap::DirectFeeOnTransfer) => {
            DevContract::FeeOnTransferToken.address()
        }
        Some(Trap::ReturnsFalseToken) => DevContract::ReturnsFalseToken.address(),
        Some(Trap::RevertingToken) => DevContract::RevertingToken.address(),
        _ => ordinary,
    }
}

impl OfferTerms<'_> {
    /// The two absolute times of the order.
    fn times(&self) -> (u64, u64) {
        let timing = self.spec.timing;
        let cancellation = self.now + timing.src_cancellation;
        let withdrawal = self.now + timing.dst_withdrawal;
        match self.spec.trap() {
            Some(Trap::WithdrawalAfterCancellation) => (cancellation, cancellation + 60),
            Some(Trap::WrappedWindow) => (self.now + (1 << 32) + 95, withdrawal),
            Some(Trap::NoTimeLeft) => (withdrawal + 60, withdrawal),
            _ => (cancellation, withdrawal),
        }
    }

    fn destination_chain(&self) -> ChainId {
        match self.spec.trap() {
            Some(Trap::UnsupportedDestination) => ChainId(FOREIGN_CHAIN),
            _ => self.destination.id(),
        }
    }

    /// The seven offsets of an order, or its two times.
    fn timelocks(&self, (cancellation, withdrawal): (u64, u64)) -> U256 {
        if self.spec.dialect.has_absolute_times() {
            return ExtraData::pack_bmn_times(cancellation, withdrawal);
        }
        let window = u32::try_from(self.spec.timing.src_cancellation).unwrap_or(u32::MAX);
        let [private, public] = OFFSETS_OF_WITHDRAWAL;
        let offsets = [0, 60, window, window.saturating_add(60), private, public, window / 2];
        Timelocks::pack(0, offsets).0
    }

    /// Who may fill, from when, for what fee.
    fn fill_terms(&self) -> Option<FillTerms> {
        let fee = match self.spec.dialect {
            // Asked of those outside the whitelist only.
            Dialect::OneInch1 => FillFee::Credit(Some(1)),
            Dialect::OneInch2 => FillFee::Destination(FeeTerms {
                post_interaction: (self.spec.trap() == Some(Trap::ForeignPostInteraction))
                    .then(|| (Address::repeat_byte(0xee), Bytes::from_static(&[1]))),
                ..fee_terms()
            }),
            _ => return None,
        };
        let resolver = match self.spec.trap() {
            Some(Trap::NotWhitelisted) => DevAccount::Griefer.address(),
            _ => self.source.spec.resolver_contract.unwrap_or_default(),
        };
        let opens = match self.spec.trap() {
            Some(Trap::OpensLater) => self.now + OPENS_LATER,
            _ => self.now,
        };
        Some(FillTerms {
            allowed_time: u32::try_from(opens).unwrap_or(u32::MAX),
            whitelist: vec![WhitelistEntry::new(resolver, 0)],
            fee,
        })
    }

    /// The order, trap and all.
    fn draft(&self, times: (u64, u64)) -> OrderDraft {
        let dialect = self.spec.dialect;
        let deposit = match self.spec.trap() {
            Some(Trap::SourceDeposit) => u128::from(self.spec.deposit),
            _ => u128::from(self.spec.source_deposit()),
        };
        let maker_asset = AddressWord::from(self.amounts.source_token);
        let dirty = U256::from(0xbad) << 160;
        let taker_asset = match self.spec.trap() {
            Some(Trap::DoublePayment) => DevContract::TokenA.address(),
            _ => DevContract::TrueToken.address(),
        };
        OrderDraft {
            dialect,
            factory: match self.spec.trap() {
                Some(Trap::UnknownFactory) => Address::repeat_byte(0xbb),
                _ => self.source.factory(dialect).address,
            },
            maker: AddressWord::from(self.maker.address()),
            receiver: AddressWord::ZERO,
            maker_asset: match self.spec.trap() {
                Some(Trap::DirtyAddress) => AddressWord(maker_asset.0 | dirty),
                _ => maker_asset,
            },
            making_amount: self.amounts.source,
            taker_asset: AddressWord::from(taker_asset),
            taking_amount: self.amounts.destination,
            extra: ExtraData {
                hashlock: self.hashlock,
                dst_chain_id: U256::from(self.destination_chain().0),
                dst_token: AddressWord::from(self.amounts.destination_token),
                deposits: ExtraData::pack_deposits(dialect, deposit, self.spec.deposit.into()),
                timelocks: self.timelocks(times),
            },
            fill_terms: self.fill_terms(),
            maker_traits: self.traits(),
            entropy: derive("bmn dev salt", self.seed, self.spec.index).into(),
        }
    }

    fn traits(&self) -> MakerTraits {
        let plain = MakerTraits::cross_chain().with_nonce(u64::from(self.spec.index));
        match self.spec.trap() {
            // HAS_EXTENSION alone (`protocol.md` 7.4).
            Some(Trap::NoPostInteraction) => MakerTraits(U256::from(1) << 249),
            Some(Trap::PrivateOrder) => plain.with_allowed_sender(DevAccount::Griefer.address()),
            Some(Trap::Expired) => plain.with_expiration(self.now.saturating_sub(60)),
            Some(Trap::PartiallyFilled) => plain.with_multiple_fills(),
            _ => plain,
        }
    }

    /// Signs the order.
    pub(crate) fn sign(&self) -> Result<SignedOffer, SimError> {
        let signer = match self.spec.trap() {
            Some(Trap::BadSignature) => DevAccount::Griefer.signer(),
            _ => self.maker.clone(),
        };
        let times = self.times();
        self.signed(&self.draft(times), &signer, times)
    }

    /// The stranger's order with the same hashlock over one unit, which he signs and fills himself.
    pub(crate) fn sign_copy(&self, griefer: &PrivateKeySigner) -> Result<SignedOffer, SimError> {
        let times = self.times();
        let copy = OrderDraft {
            maker: AddressWord::from(griefer.address()),
            making_amount: U256::ONE,
            taking_amount: U256::ONE,
            entropy: derive("bmn dev copy", self.seed, self.spec.index).into(),
            ..self.draft(times)
        };
        self.signed(&copy, griefer, times)
    }

    fn signed(
        &self,
        draft: &OrderDraft,
        signer: &PrivateKeySigner,
        times: (u64, u64),
    ) -> Result<SignedOffer, SimError> {
        let wrong = |error: OrderError| SimError::Signature(error.to_string());
        let extension = match self.spec.trap() {
            Some(Trap::ForeignExtensionField) => {
                with_predicate(draft.factory, &draft.post_interaction_data().map_err(wrong)?)
            }
            _ => draft.extension().map_err(wrong)?,
        };
        let order = draft.order(&extension);
        let (chain, dialect) = (self.source.id(), self.spec.dialect);
        let contract = self.source.factory(dialect).limit_order_protocol;
        let domain = order_domain(dialect, chain, contract);
        let hash = order.hash(&domain);
        let signature = sign_order(signer, hash).map_err(wrong)?;
        let unsigned = OrderFile::unsigned(&order, &extension, &domain, &draft.extra);
        Ok(SignedOffer {
            id: OrderId { chain, contract, hash, leaf: 0 },
            file: unsigned.signed(&signature),
            order,
            extension,
            signature,
            times,
            fill_terms: draft.fill_terms.clone(),
            offsets: Timelocks(draft.extra.timelocks),
        })
    }

    /// The escrow he creates himself, and the order id it is known under.
    pub(crate) fn direct(&self) -> DirectOffer {
        let (cancellation, withdrawal) = self.times();
        let deployed_at = match self.spec.trap() {
            Some(Trap::DirectBackdated) => self.now.saturating_sub(BACKDATED),
            _ => self.now.saturating_sub(CLOCK_MARGIN),
        };
        let offset = |time: u64| u32::try_from(time - deployed_at).unwrap_or(u32::MAX);
        let offsets = [
            0,
            60,
            offset(cancellation),
            offset(cancellation + 60),
            offset(withdrawal),
            offset(withdrawal + 60),
            offset(cancellation),
        ];
        let taker = match self.spec.trap() {
            Some(Trap::DirectWrongTaker) => DevAccount::Griefer,
            _ => DevAccount::Resolver,
        };
        let deposit = match self.spec.trap() {
            Some(Trap::DirectSourceDeposit) => U256::from(self.spec.deposit),
            _ => U256::ZERO,
        };
        let order_hash = OrderHash(derive("bmn dev order", self.seed, self.spec.index));
        let maker = AddressWord::from(self.maker.address());
        let immutables = Immutables {
            order_hash,
            hashlock: self.hashlock,
            maker,
            taker: AddressWord::from(taker.address()),
            token: AddressWord::from(self.amounts.source_token),
            amount: self.amounts.source,
            safety_deposit: deposit,
            timelocks: Timelocks::pack(u32::try_from(deployed_at).unwrap_or(u32::MAX), offsets),
            parameters: Bytes::new(),
        };
        let complement = Complement {
            maker,
            amount: self.amounts.destination,
            token: AddressWord::from(self.amounts.destination_token),
            safety_deposit: U256::from(self.spec.deposit),
            chain_id: U256::from(self.destination_chain().0),
            parameters: Bytes::new(),
        };
        let factory = self.source.factory(DIRECT_DIALECT).address;
        let implementations = EscrowImplementations::for_factory(DIRECT_DIALECT, factory);
        let escrow = source_escrow(DIRECT_DIALECT, factory, &implementations, &immutables);
        let id = OrderId { chain: self.source.id(), contract: escrow, hash: order_hash, leaf: 0 };
        DirectOffer { immutables, complement, id }
    }
}

/// Field 4 of the extension holds one byte before the post-interaction.
fn with_predicate(factory: Address, extra: &[u8]) -> Bytes {
    let ends: U256 = (4..8).fold(U256::ZERO, |word, field| {
        let end = if field < 7 { 1 } else { 1 + factory.len() + extra.len() };
        word | (U256::from(end) << (32 * field))
    });
    [&ends.to_be_bytes::<32>(), [0x01].as_slice(), factory.as_slice(), extra].concat().into()
}

//! A chain with a factory, Alice who sells, and Bob who owns a resolver contract.

pub(crate) use crate::replay_bed::net::{Actor, Mined, Net, ONE, RESCUE_DELAY, Tx};
use crate::replay_bed::net::{DST, SRC};
use alloy::primitives::{Address, Bytes, U256, keccak256};
use bmn_chain::CallOutcome;
use bmn_contracts::{
    ContractEvent, EscrowImplementations, Extension, ExtraData, FeeTerms, FillFee, FillTerms,
    InnerCall, LimitOrder, MakerTraits, OrderSignature, TakerTraits, WhitelistEntry, artifacts,
    bindings::IErc20, calldata, decode, destination_escrow, order_domain, sign_order,
    source_escrow,
};
use bmn_primitives::{Dialect, Immutables, OrderHash, Secret, Timelocks};

/// Of either escrow, wei.
pub(crate) const DEPOSIT: u128 = ONE / 1000;
/// Of the source, and of the destination while both are created in the same second; seconds.
const OFFSETS: [u32; 7] = [0, 60, 600, 660, 30, 90, 500];

/// Whose token Alice sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sold {
    /// One whose functions return true.
    Plain,
    /// One whose functions return nothing.
    ReturnsNothing,
}

/// The dialects whose factory moves the maker's tokens from the taker into the source escrow.
pub(crate) const BMN: [Dialect; 2] = [Dialect::Bmn302, Dialect::Bmn4];
/// The dialects whose source escrow gets the maker's tokens from the limit-order protocol.
pub(crate) const ONE_INCH: [Dialect; 2] = [Dialect::OneInch1, Dialect::OneInch2];

pub(crate) struct Bed {
    pub(crate) net: Net,
    pub(crate) dialect: Dialect,
    /// What both escrows hold.
    pub(crate) token: Address,
    /// Bob's contract; it may take Bob's tokens.
    pub(crate) resolver: Address,
}

/// Alice's order, signed: one token for two.
#[derive(Debug, Clone)]
pub(crate) struct Sale {
    pub(crate) order: LimitOrder,
    pub(crate) extra: ExtraData,
    pub(crate) extension: Bytes,
    pub(crate) hash: OrderHash,
    pub(crate) signature: OrderSignature,
    pub(crate) secret: Secret,
}

/// What the owner and his contract have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) tokens: U256,
    pub(crate) coins: U256,
}

pub(crate) fn wei(amount: u128) -> U256 {
    U256::from(amount)
}

impl Bed {
    pub(crate) fn new(dialect: Dialect) -> Self {
        Self::selling(dialect, Sold::Plain)
    }

    pub(crate) fn selling(dialect: Dialect, sold: Sold) -> Self {
        let owner = Actor::Deployer.address();
        let one_inch = ONE_INCH.contains(&dialect);
        let protocol = |net: &Net| match one_inch {
            true => artifacts::oneinch_limit_order_protocol(net.weth),
            false => artifacts::limit_order_protocol(net.weth),
        };
        let factory = |net: &Net| match dialect {
            Dialect::Bmn302 => artifacts::bmn302_factory(Address::ZERO, owner, RESCUE_DELAY),
            Dialect::Bmn4 => {
                artifacts::bmn_factory(net.lop, owner, RESCUE_DELAY, Address::ZERO, net.weth)
            }
            Dialect::OneInch1 => {
                let fees = net.token6;
                artifacts::oneinch1_factory(net.lop, fees, net.token6, owner, RESCUE_DELAY)
            }
            Dialect::OneInch2 => {
                artifacts::oneinch2_factory(net.lop, net.token6, owner, RESCUE_DELAY)
            }
            other => panic!("nobody takes orders of {other}"),
        };
        let net = Net::deployed(SRC, protocol, 0, factory);
        net.mine_all();
        let resolver = artifacts::resolver(Actor::Bob.address());
        let resolver = net.create(Actor::Bob, resolver).mined().contract.unwrap();
        let token = match sold {
            Sold::Plain => net.token,
            Sold::ReturnsNothing => {
                let code = artifacts::no_return_token();
                let token = net.create(Actor::Deployer, code).mined().contract.unwrap();
                for actor in [Actor::Alice, Actor::Bob] {
                    let data = calldata::mint(actor.address(), wei(100 * ONE));
                    net.tx(actor, token, data).mined();
                }
                net.tx(Actor::Alice, token, calldata::approve(net.lop, U256::MAX)).mined();
                token
            }
        };
        net.tx(Actor::Bob, token, calldata::approve(resolver, U256::MAX)).mined();
        Self { net, dialect, token, resolver }
    }

    fn one_inch(&self) -> bool {
        ONE_INCH.contains(&self.dialect)
    }

    /// A new order of Alice's that is to be filled in the next second.
    pub(crate) fn sale(&self) -> Sale {
        self.sale_of(Actor::Alice.address(), |_| ())
    }

    /// The same of another maker, whose signer is Alice all the same.
    pub(crate) fn sale_of(&self, maker: Address, change: impl FnOnce(&mut LimitOrder)) -> Sale {
        let time = self.net.now() + 1;
        let secret = Secret::new(keccak256(self.net.draw().to_be_bytes()).0);
        let (source_deposit, timelocks) = if self.one_inch() {
            (DEPOSIT, Timelocks::pack(0, OFFSETS).0)
        } else {
            (0, ExtraData::pack_bmn_times(time + 600, time + 30))
        };
        let extra = ExtraData {
            hashlock: secret.hashlock(),
            dst_chain_id: wei(DST.into()),
            dst_token: self.token.into(),
            deposits: ExtraData::pack_deposits(self.dialect, source_deposit, DEPOSIT),
            timelocks,
        };
        let header = self.fill_terms().map_or_else(Bytes::new, |terms| terms.encode().unwrap());
        let data = [header, extra.encode()].concat();
        let extension = Extension::post_interaction_only(self.net.factory, &data);
        let mut order = LimitOrder {
            salt: LimitOrder::salt_for(&extension, wei(self.net.draw().into()) << 160),
            maker: maker.into(),
            receiver: maker.into(),
            maker_asset: self.token.into(),
            taker_asset: self.net.true_token.into(),
            making_amount: wei(ONE),
            taking_amount: wei(2 * ONE),
            maker_traits: MakerTraits::cross_chain().with_nonce(self.net.draw()),
        };
        change(&mut order);
        let hash = order.hash(&order_domain(self.dialect, self.net.id, self.net.lop));
        let signature = sign_order(&Actor::Alice.key(), hash).unwrap();
        Sale { order, extra, extension, hash, signature, secret }
    }

    /// Who may fill a 1inch order: the resolver contract.
    fn fill_terms(&self) -> Option<FillTerms> {
        let fee = match self.dialect {
            Dialect::OneInch1 => FillFee::Credit(None),
            Dialect::OneInch2 => FillFee::Destination(FeeTerms {
                integrator: Address::ZERO,
                protocol: Address::ZERO,
                integrator_fee: 0,
                integrator_share: 0,
                resolver_fee: 0,
                whitelist_discount: 0,
                post_interaction: None,
            }),
            _ => return None,
        };
        let whitelist = vec![WhitelistEntry::new(self.resolver, 0)];
        Some(FillTerms { allowed_time: 0, whitelist, fee })
    }

    /// What the source of a fill in a block of this time is bound to, the taker being the contract.
    pub(crate) fn source(&self, sale: &Sale, time: u64) -> Immutables {
        Immutables {
            order_hash: sale.hash,
            hashlock: sale.extra.hashlock,
            maker: sale.order.maker,
            taker: self.resolver.into(),
            token: sale.order.maker_asset,
            amount: sale.order.making_amount,
            safety_deposit: sale.extra.src_deposit(self.dialect),
            timelocks: sale.extra.source_timelocks(self.dialect, time).unwrap(),
            parameters: Bytes::new(),
        }
    }

    /// A destination of that sale, created at this time.
    pub(crate) fn destination(&self, sale: &Sale, time: u64) -> Immutables {
        let parameters = if self.dialect == Dialect::OneInch2 { vec![0; 128] } else { vec![] };
        Immutables {
            maker: sale.order.receiver,
            token: sale.extra.dst_token,
            amount: sale.order.taking_amount,
            safety_deposit: sale.extra.dst_deposit(self.dialect),
            timelocks: Timelocks::pack(u32::try_from(time).unwrap(), OFFSETS),
            parameters: parameters.into(),
            ..self.source(sale, time)
        }
    }

    fn implementations(&self) -> EscrowImplementations {
        EscrowImplementations::for_factory(self.dialect, self.net.factory)
    }

    pub(crate) fn source_escrow(&self, immutables: &Immutables) -> Address {
        source_escrow(self.dialect, self.net.factory, &self.implementations(), immutables)
    }

    pub(crate) fn destination_escrow(&self, immutables: &Immutables) -> Address {
        destination_escrow(self.dialect, self.net.factory, &self.implementations(), immutables)
    }

    /// Calldata of a fill at the limit-order protocol, without a target.
    pub(crate) fn fill(&self, sale: &Sale) -> Bytes {
        let traits = TakerTraits::bmn_fill(sale.extension.len(), sale.order.taking_amount);
        let making = sale.order.making_amount;
        calldata::fill_order_args(
            &sale.order,
            &sale.signature,
            making,
            traits,
            sale.extension.clone(),
        )
    }

    /// Bob has his contract make these calls, and pays what they send along.
    pub(crate) fn run(&self, calls: &[InnerCall], sweep: &[Address]) -> Tx<'_> {
        self.run_by(Actor::Bob, calls, sweep)
    }

    pub(crate) fn run_by(&self, from: Actor, calls: &[InnerCall], sweep: &[Address]) -> Tx<'_> {
        let value = calls.iter().map(|call| call.value).sum();
        self.net.tx(from, self.resolver, calldata::resolver_run(calls, sweep)).paying(value)
    }

    /// The tokens from the owner, and what lets the factory take them.
    pub(crate) fn pull(&self, amount: U256) -> [InnerCall; 2] {
        let pull = calldata::transfer_from(Actor::Bob.address(), self.resolver, amount);
        [InnerCall::new(self.token, pull), self.allow(amount)]
    }

    /// Lets the factory take exactly this much.
    pub(crate) fn allow(&self, amount: U256) -> InnerCall {
        InnerCall::new(self.token, calldata::approve(self.net.factory, amount))
    }

    /// Both tokens that a swap moves.
    pub(crate) fn sweep(&self) -> [Address; 2] {
        [self.token, Address::ZERO]
    }

    pub(crate) fn tokens(&self, owner: Address) -> U256 {
        self.net.view(self.token, &IErc20::balanceOfCall { account: owner })
    }

    pub(crate) fn holdings(&self, owner: Address) -> Holdings {
        Holdings { tokens: self.tokens(owner), coins: self.net.wei(owner) }
    }

    /// The contract holds nothing, and nobody may take anything from it.
    pub(crate) fn assert_nothing_left(&self) {
        assert_eq!(
            self.holdings(self.resolver),
            Holdings { tokens: U256::ZERO, coins: U256::ZERO }
        );
        for spender in [self.net.factory, self.net.lop] {
            let allowance = IErc20::allowanceCall { owner: self.resolver, spender };
            assert_eq!(self.net.view(self.token, &allowance), U256::ZERO);
        }
    }

    /// What a transaction of Bob's changed for him, gas aside, and that it left nothing in between.
    pub(crate) fn gained_by(&self, tx: Tx<'_>) -> Gain {
        let bob = Actor::Bob.address();
        let before = self.holdings(bob);
        let mined = tx.mined();
        self.assert_nothing_left();
        let after = self.holdings(bob);
        Gain {
            tokens: signed(after.tokens) - signed(before.tokens),
            wei: signed(after.coins) + signed(mined.fee) - signed(before.coins),
            mined,
        }
    }

    /// The factory's events among the logs, decoded.
    pub(crate) fn events(&self, mined: &Mined) -> Vec<ContractEvent> {
        let ours = mined.logs.iter().filter(|log| log.address == self.net.factory);
        let emitter = bmn_contracts::Emitter::Factory(self.dialect);
        ours.filter_map(|log| decode(emitter, log.topics(), &log.data.data).unwrap()).collect()
    }
}

/// What an owner gained, negative when he paid.
#[derive(Debug)]
pub(crate) struct Gain {
    pub(crate) tokens: i128,
    pub(crate) wei: i128,
    pub(crate) mined: Mined,
}

pub(crate) fn signed(amount: U256) -> i128 {
    i128::try_from(amount).unwrap()
}

/// Revert data of a transaction that must fail.
pub(crate) fn revert(tx: &Tx<'_>) -> Bytes {
    match tx.tried() {
        CallOutcome::Reverted(data) => data,
        CallOutcome::Success(_) => panic!("it did not revert"),
    }
}

/// Asserts that it would revert with this custom error and these words.
pub(crate) fn reverts_with(tx: &Tx<'_>, error: &str, words: &[U256]) {
    let words = words.iter().flat_map(U256::to_be_bytes::<32>);
    let expected: Vec<u8> = keccak256(error)[..4].iter().copied().chain(words).collect();
    assert_eq!(revert(tx), Bytes::from(expected), "{error}");
}

/// An address as an argument of an error.
pub(crate) fn word(address: Address) -> U256 {
    U256::from_be_bytes(address.into_word().0)
}

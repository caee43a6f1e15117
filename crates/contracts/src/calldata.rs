//! Calldata of what we call: plain functions from values to bytes.

use crate::{
    bindings::{
        IBmnFactory, IBmnFactory23, IErc20, IErc1271, IEscrow, ILimitOrderProtocol,
        IOneInchFactory, IOneInchFactory1, IPlainEscrow, IResolver,
    },
    order::{LimitOrder, OrderSignature},
    resolver::{InnerCall, ResolverFill},
    traits::{MakerTraits, TakerTraits},
};
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    sol_types::{SolCall, SolValue},
};
use bmn_primitives::{Complement, Dialect, Hashlock, Immutables, OrderHash, Secret};

fn encode(call: &impl SolCall) -> Bytes {
    call.abi_encode().into()
}

/// A call of an escrow, with or without `parameters` in its immutables.
macro_rules! escrow_call {
    ($dialect:expr, $call:ident { $($field:ident: $value:expr),* $(,)? }) => {
        if $dialect.has_parameters() {
            encode(&IEscrow::$call { $($field: $value),* })
        } else {
            encode(&IPlainEscrow::$call { $($field: $value),* })
        }
    };
}

/// `fillOrderArgs`, or `fillContractOrderArgs` for a contract's signature. `making_amount` is in the
/// maker asset's smallest unit; `arguments` are the extension alone, or what [`fill_arguments`] makes,
/// as `taker_traits` say.
pub fn fill_order_args(
    order: &LimitOrder,
    signature: &OrderSignature,
    making_amount: U256,
    taker_traits: TakerTraits,
    arguments: Bytes,
) -> Bytes {
    match signature {
        OrderSignature::Compact { r, vs } => encode(&ILimitOrderProtocol::fillOrderArgsCall {
            order: order.into(),
            r: *r,
            vs: *vs,
            amount: making_amount,
            takerTraits: taker_traits.0,
            args: arguments,
        }),
        OrderSignature::Contract(signature) => {
            encode(&ILimitOrderProtocol::fillContractOrderArgsCall {
                order: order.into(),
                signature: signature.clone(),
                amount: making_amount,
                takerTraits: taker_traits.0,
                args: arguments,
            })
        }
    }
}

/// The arguments of a 1inch fill: where the maker's tokens go (the source escrow, computed for the block of
/// the fill; `None` leaves it to our resolver contract, which puts it in front), the extension, and the
/// taker interaction, which is empty for an order that is filled at once.
pub fn fill_arguments(target: Option<Address>, extension: &[u8], interaction: &[u8]) -> Bytes {
    let target = target.as_ref().map_or(&[][..], |target| target.as_slice());
    [target, extension, interaction].concat().into()
}

/// The taker interaction of a fill of a part: the factory, and what it proves its secret's hash with
/// before the escrow is made.
pub fn secret_proof(factory: Address, proof: &[B256], index: u64, secret_hash: Hashlock) -> Bytes {
    let proved = (proof, U256::from(index), secret_hash.0).abi_encode_params();
    [factory.as_slice(), &proved].concat().into()
}

/// `cancelOrder` by the maker.
pub fn cancel_order(maker_traits: MakerTraits, order_hash: OrderHash) -> Bytes {
    encode(&ILimitOrderProtocol::cancelOrderCall {
        makerTraits: maker_traits.0,
        orderHash: order_hash.0,
    })
}

/// `rawRemainingInvalidatorForOrder`: 0 when untouched, else the complement of what is left; all ones
/// when filled or cancelled.
pub fn raw_remaining_invalidator(maker: Address, order_hash: OrderHash) -> Bytes {
    encode(&ILimitOrderProtocol::rawRemainingInvalidatorForOrderCall {
        maker,
        orderHash: order_hash.0,
    })
}

/// `bitInvalidatorForOrder`: the used nonces of slot `nonce / 256`.
pub fn bit_invalidator(maker: Address, slot: u64) -> Bytes {
    encode(&ILimitOrderProtocol::bitInvalidatorForOrderCall { maker, slot: U256::from(slot) })
}

/// `createSrcEscrow` (`bmn4`): a source escrow without an order. The tokens come from the caller.
pub fn create_src_escrow(immutables: &Immutables, complement: &Complement) -> Bytes {
    encode(&IBmnFactory::createSrcEscrowCall {
        immutables: immutables.into(),
        complement: complement.into(),
    })
}

/// `createSrcEscrow` (`bmn23`, `bmn302`): the contract does not compare what it pulls with the
/// immutables; here both are the same (`protocol.md` 11.15).
pub fn create_plain_src_escrow(immutables: &Immutables) -> Bytes {
    encode(&IBmnFactory23::createSrcEscrowCall {
        immutables: immutables.into(),
        maker: immutables.maker.masked(),
        token: immutables.token.masked(),
        amount: immutables.amount,
    })
}

/// `createDstEscrow`. 1inch and BMN before v2.2 take the source's cancellation time (unix seconds)
/// along and refuse a later destination cancellation; `None` passes the largest time there is. BMN
/// since v2.2 has no such argument and ignores it.
pub fn create_dst_escrow(
    dialect: Dialect,
    immutables: &Immutables,
    src_cancellation_timestamp: Option<u64>,
) -> Bytes {
    let latest = src_cancellation_timestamp.map_or(U256::MAX, U256::from);
    match dialect {
        Dialect::Bmn4 => {
            encode(&IBmnFactory::createDstEscrowCall { immutables: immutables.into() })
        }
        Dialect::Bmn23 | Dialect::Bmn302 => {
            encode(&IBmnFactory23::createDstEscrowCall { immutables: immutables.into() })
        }
        Dialect::OneInch2 => encode(&IOneInchFactory::createDstEscrowCall {
            immutables: immutables.into(),
            srcCancellationTimestamp: latest,
        }),
        Dialect::Bmn1 | Dialect::Bmn11 | Dialect::OneInch1 => {
            encode(&IOneInchFactory1::createDstEscrowCall {
                immutables: immutables.into(),
                srcCancellationTimestamp: latest,
            })
        }
    }
}

/// `withdraw` by the taker. The result contains the secret: it is public once sent, not before.
pub fn withdraw(dialect: Dialect, secret: &Secret, immutables: &Immutables) -> Bytes {
    escrow_call!(
        dialect,
        withdrawCall { secret: secret.expose().into(), immutables: immutables.into() }
    )
}

/// `withdrawTo` by the taker of a source. The result contains the secret.
pub fn withdraw_to(
    dialect: Dialect,
    secret: &Secret,
    target: Address,
    immutables: &Immutables,
) -> Bytes {
    escrow_call!(
        dialect,
        withdrawToCall {
            secret: secret.expose().into(),
            target: target,
            immutables: immutables.into(),
        }
    )
}

/// `publicWithdraw` by a holder of the access token. The result contains the secret.
pub fn public_withdraw(dialect: Dialect, secret: &Secret, immutables: &Immutables) -> Bytes {
    escrow_call!(
        dialect,
        publicWithdrawCall { secret: secret.expose().into(), immutables: immutables.into() }
    )
}

/// `publicWithdrawSigned` (BMN since v2.2) by the caller that a whitelisted resolver's permission
/// names. The result contains the secret.
pub fn public_withdraw_signed(
    dialect: Dialect,
    secret: &Secret,
    immutables: &Immutables,
    signature: Bytes,
) -> Bytes {
    escrow_call!(
        dialect,
        publicWithdrawSignedCall {
            secret: secret.expose().into(),
            immutables: immutables.into(),
            signature: signature,
        }
    )
}

/// `cancel` by the taker.
pub fn cancel(dialect: Dialect, immutables: &Immutables) -> Bytes {
    escrow_call!(dialect, cancelCall { immutables: immutables.into() })
}

/// `publicCancel` of a source by a holder of the access token.
pub fn public_cancel(dialect: Dialect, immutables: &Immutables) -> Bytes {
    escrow_call!(dialect, publicCancelCall { immutables: immutables.into() })
}

/// `publicCancelSigned` (BMN since v2.2), with a signature of somebody else's: we make none. Known so
/// that its danger can be shown (`protocol.md` 11.3).
pub fn public_cancel_signed(dialect: Dialect, immutables: &Immutables, signature: Bytes) -> Bytes {
    escrow_call!(
        dialect,
        publicCancelSignedCall { immutables: immutables.into(), signature: signature }
    )
}

/// `rescueFunds` by the taker, after the rescue delay. `amount` is in the token's smallest unit.
pub fn rescue_funds(
    dialect: Dialect,
    token: Address,
    amount: U256,
    immutables: &Immutables,
) -> Bytes {
    escrow_call!(
        dialect,
        rescueFundsCall { token: token, amount: amount, immutables: immutables.into() }
    )
}

/// `addressOfEscrow`, in 1inch and BMN before v2.2 `addressOfEscrowSrc` or `addressOfEscrowDst`: asks
/// the factory where an escrow is.
pub fn address_of_escrow(dialect: Dialect, immutables: &Immutables, is_source: bool) -> Bytes {
    match (dialect, is_source) {
        (Dialect::Bmn4, is_src) => encode(&IBmnFactory::addressOfEscrowCall {
            immutables: immutables.into(),
            isSrc: is_src,
        }),
        (Dialect::Bmn23 | Dialect::Bmn302, is_src) => encode(&IBmnFactory23::addressOfEscrowCall {
            immutables: immutables.into(),
            isSrc: is_src,
        }),
        (Dialect::OneInch2, true) => {
            encode(&IOneInchFactory::addressOfEscrowSrcCall { immutables: immutables.into() })
        }
        (Dialect::OneInch2, false) => {
            encode(&IOneInchFactory::addressOfEscrowDstCall { immutables: immutables.into() })
        }
        (Dialect::Bmn1 | Dialect::Bmn11 | Dialect::OneInch1, true) => {
            encode(&IOneInchFactory1::addressOfEscrowSrcCall { immutables: immutables.into() })
        }
        (Dialect::Bmn1 | Dialect::Bmn11 | Dialect::OneInch1, false) => {
            encode(&IOneInchFactory1::addressOfEscrowDstCall { immutables: immutables.into() })
        }
    }
}

/// `addResolver` (`bmn4`) by the owner.
pub fn add_resolver(resolver: Address) -> Bytes {
    encode(&IBmnFactory::addResolverCall { resolver })
}

/// `isWhitelistedResolver` (`bmn4`).
pub fn is_whitelisted_resolver(resolver: Address) -> Bytes {
    encode(&IBmnFactory::isWhitelistedResolverCall { resolver })
}

/// `FACTORY` of an escrow or of what its clone delegates to: the factory it answers to.
pub fn factory_of() -> Bytes {
    encode(&IEscrow::FACTORYCall {})
}

/// `run` of our resolver contract, by its owner: the calls in their order, then its whole balance of
/// each token of `sweep` (zero: native coin) to the owner. An inner withdrawal contains its secret.
pub fn resolver_run(calls: &[InnerCall], sweep: &[Address]) -> Bytes {
    encode(&IResolver::runCall {
        calls: calls.iter().cloned().map(IResolver::Call::from).collect(),
        sweep: sweep.to_vec(),
    })
}

/// `fill8` or `fill9` of our resolver contract, by its owner. The value of the transaction must cover
/// the source's safety deposit; what is more comes back.
pub fn resolver_fill(dialect: Dialect, fill: &ResolverFill) -> Bytes {
    let immutables = &fill.immutables;
    if dialect.has_parameters() {
        encode(&IResolver::fill9Call { immutables: immutables.into(), fill: fill.into() })
    } else {
        encode(&IResolver::fill8Call { immutables: immutables.into(), fill: fill.into() })
    }
}

/// ERC-20 `approve`; smallest unit.
pub fn approve(spender: Address, amount: U256) -> Bytes {
    encode(&IErc20::approveCall { spender, amount })
}

/// ERC-20 `transfer`; smallest unit.
pub fn transfer(to: Address, amount: U256) -> Bytes {
    encode(&IErc20::transferCall { to, amount })
}

/// ERC-20 `transferFrom`; smallest unit.
pub fn transfer_from(from: Address, to: Address, amount: U256) -> Bytes {
    encode(&IErc20::transferFromCall { from, to, amount })
}

/// ERC-20 `balanceOf`.
pub fn balance_of(account: Address) -> Bytes {
    encode(&IErc20::balanceOfCall { account })
}

/// ERC-20 `allowance`.
pub fn allowance(owner: Address, spender: Address) -> Bytes {
    encode(&IErc20::allowanceCall { owner, spender })
}

/// The faucet of our development tokens; smallest unit.
pub fn mint(to: Address, amount: U256) -> Bytes {
    encode(&IErc20::mintCall { to, amount })
}

/// ERC-1271 `isValidSignature` of the maker's contract for an order.
pub fn is_valid_signature(order_hash: OrderHash, signature: Bytes) -> Bytes {
    encode(&IErc1271::isValidSignatureCall { digest: order_hash.0, signature })
}

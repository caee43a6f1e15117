//! Limit orders: their hash and their maker's signature.

use crate::{Extension, MakerTraits, bindings, error::OrderError};
use alloy::{
    primitives::{Address, B256, Bytes, Signature, U256, b256, keccak256, uint},
    signers::SignerSync,
    sol_types::Eip712Domain,
};
use bmn_primitives::{AddressWord, ChainId, Dialect, OrderHash};
use serde::{Deserialize, Serialize};

/// `keccak256("Order(uint256 salt,address maker,…)")` (`protocol.md` 7.1).
const ORDER_TYPE_HASH: B256 =
    b256!("3af21ec5a20011b88d3b7b4ed7c806cef05a5980cf34974bcd53566a131f7e4c");

/// Half the order of secp256k1: the contracts refuse a larger `s`.
const HALF_CURVE_ORDER: U256 =
    uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

/// The EIP-712 domain in which an order is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OrderDomain {
    /// Domain name.
    pub name: &'static str,
    /// Domain version.
    pub version: &'static str,
    /// Chain of the limit-order protocol.
    pub chain_id: ChainId,
    /// The limit-order protocol.
    pub contract: Address,
}

/// The domain of the limit-order protocol that `dialect`'s factory works with.
pub const fn order_domain(dialect: Dialect, chain_id: ChainId, contract: Address) -> OrderDomain {
    let (name, version) = match dialect {
        Dialect::Bmn1 | Dialect::Bmn11 | Dialect::Bmn23 | Dialect::Bmn302 | Dialect::Bmn4 => {
            ("Bridge-Me-Not Orders", "1")
        }
        Dialect::OneInch1 | Dialect::OneInch2 => ("1inch Limit Order Protocol", "4"),
    };
    OrderDomain { name, version, chain_id, contract }
}

impl OrderDomain {
    /// `DOMAIN_SEPARATOR()` of the contract.
    pub fn separator(&self) -> B256 {
        let chain_id = Some(U256::from(self.chain_id.0));
        Eip712Domain::new(
            Some(self.name.into()),
            Some(self.version.into()),
            chain_id,
            Some(self.contract),
            None,
        )
        .hash_struct()
    }
}

/// A limit order, word for word as it is signed. Address words are hashed raw, dirty bits included.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LimitOrder {
    /// Free bits above; the low 160 bits commit to the extension.
    pub salt: U256,
    /// Owner of the maker asset, who signs.
    pub maker: AddressWord,
    /// Who is paid; zero is the maker. On the destination chain this is the beneficiary.
    pub receiver: AddressWord,
    /// Token given, on the source chain.
    pub maker_asset: AddressWord,
    /// Token taken **on the source chain**: a dummy, unless the resolver is to pay twice.
    pub taker_asset: AddressWord,
    /// Amount given, smallest unit.
    pub making_amount: U256,
    /// Amount taken, smallest unit; also the amount on the destination chain.
    pub taking_amount: U256,
    /// Options.
    pub maker_traits: MakerTraits,
}

impl LimitOrder {
    /// The eight words in their order in the contract's struct.
    pub const fn words(&self) -> [U256; 8] {
        [
            self.salt,
            self.maker.0,
            self.receiver.0,
            self.maker_asset.0,
            self.taker_asset.0,
            self.making_amount,
            self.taking_amount,
            self.maker_traits.0,
        ]
    }

    /// `LimitOrderProtocol.hashOrder`.
    pub fn hash(&self, domain: &OrderDomain) -> OrderHash {
        let mut encoded = [0; 9 * 32];
        encoded[..32].copy_from_slice(ORDER_TYPE_HASH.as_slice());
        for (slot, word) in encoded[32..].chunks_exact_mut(32).zip(self.words()) {
            slot.copy_from_slice(&word.to_be_bytes::<32>());
        }
        OrderHash(typed_digest(domain.separator(), keccak256(encoded)))
    }

    /// Who is paid: the receiver, or the maker when there is none.
    pub fn beneficiary(&self) -> AddressWord {
        if self.receiver.is_zero() { self.maker } else { self.receiver }
    }

    /// Checks the extension against `HAS_EXTENSION` and the salt, as the contract does, and parses
    /// it.
    ///
    /// # Errors
    /// What the contract would revert with, or offsets that it would read out of bounds.
    pub fn check_extension<'a>(&self, extension: &'a [u8]) -> Result<Extension<'a>, OrderError> {
        match (self.maker_traits.has_extension(), extension.is_empty()) {
            (true, true) => return Err(OrderError::ExtensionMissing),
            (false, false) => return Err(OrderError::ExtensionUnexpected),
            (false, true) => return Extension::parse(extension),
            (true, false) => {}
        }
        let salt = AddressWord(self.salt).masked();
        let hash = Address::from_word(keccak256(extension));
        if salt != hash {
            return Err(OrderError::ExtensionHash { salt, extension: hash });
        }
        Extension::parse(extension)
    }

    /// A salt that commits to `extension`; the high 96 bits are taken from `entropy`.
    pub fn salt_for(extension: &[u8], entropy: U256) -> U256 {
        let commitment = AddressWord::from(Address::from_word(keccak256(extension)));
        ((entropy >> 160) << 160) | commitment.0
    }
}

impl From<&LimitOrder> for bindings::Order {
    fn from(order: &LimitOrder) -> Self {
        Self {
            salt: order.salt,
            maker: order.maker.0,
            receiver: order.receiver.0,
            makerAsset: order.maker_asset.0,
            takerAsset: order.taker_asset.0,
            makingAmount: order.making_amount,
            takingAmount: order.taking_amount,
            makerTraits: order.maker_traits.0,
        }
    }
}

impl From<bindings::Order> for LimitOrder {
    fn from(order: bindings::Order) -> Self {
        Self {
            salt: order.salt,
            maker: AddressWord(order.maker),
            receiver: AddressWord(order.receiver),
            maker_asset: AddressWord(order.makerAsset),
            taker_asset: AddressWord(order.takerAsset),
            making_amount: order.makingAmount,
            taking_amount: order.takingAmount,
            maker_traits: MakerTraits(order.makerTraits),
        }
    }
}

/// A maker's signature, in the form that decides which function fills the order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderSignature {
    /// Of a key: EIP-2098, for `fillOrderArgs`.
    Compact {
        /// `r`.
        r: B256,
        /// `s`, with the parity in the highest bit.
        vs: B256,
    },
    /// Of a contract (ERC-1271), for `fillContractOrderArgs`, which refuses makers without code.
    Contract(Bytes),
}

impl OrderSignature {
    /// Turns 65 bytes `r || s || v` (v 27 or 28) into the compact form.
    ///
    /// # Errors
    /// Another length or `v`, or an `s` in the upper half, which has no compact form.
    pub fn compact_from_rsv(bytes: &[u8]) -> Result<Self, OrderError> {
        let (rs, v) = match bytes {
            [rs @ .., v] if rs.len() == 64 => (rs, *v),
            _ => return Err(OrderError::SignatureFormat),
        };
        let parity = match v {
            27 => false,
            28 => true,
            _ => return Err(OrderError::SignatureFormat),
        };
        let mut vs = U256::from_be_slice(&rs[32..]);
        if vs > HALF_CURVE_ORDER {
            return Err(OrderError::SignatureMalleable(vs));
        }
        vs.set_bit(255, parity);
        Ok(Self::Compact { r: B256::from_slice(&rs[..32]), vs: vs.into() })
    }
}

/// The address whose key made the signature.
///
/// # Errors
/// A contract signature, an `s` in the upper half of the curve order, or values that are on no curve.
pub fn recover_maker(hash: OrderHash, signature: &OrderSignature) -> Result<Address, OrderError> {
    let OrderSignature::Compact { r, vs } = signature else {
        return Err(OrderError::ContractSignature);
    };
    let mut s = U256::from_be_bytes(vs.0);
    let parity = s.bit(255);
    s.set_bit(255, false);
    if s > HALF_CURVE_ORDER {
        return Err(OrderError::SignatureMalleable(s));
    }
    Signature::new((*r).into(), s, parity)
        .recover_address_from_prehash(&hash.0)
        .map_err(|_| OrderError::SignatureUnrecoverable(hash.0))
}

/// Signs an order as its maker.
///
/// # Errors
/// The signer's own.
pub fn sign_order(signer: &impl SignerSync, hash: OrderHash) -> Result<OrderSignature, OrderError> {
    let signature = sign_digest(signer, hash.0)?;
    OrderSignature::compact_from_rsv(&signature.as_bytes())
}

/// A low-`s` signature over a digest.
pub(crate) fn sign_digest(signer: &impl SignerSync, digest: B256) -> Result<Signature, OrderError> {
    let signature = signer.sign_hash_sync(&digest);
    Ok(signature.map_err(|error| OrderError::Signer(error.to_string()))?.normalized_s())
}

/// `keccak256(0x1901 || separator || struct hash)`.
pub(crate) fn typed_digest(separator: B256, struct_hash: B256) -> B256 {
    let mut message = [0; 66];
    message[..2].copy_from_slice(&[0x19, 0x01]);
    message[2..34].copy_from_slice(separator.as_slice());
    message[34..].copy_from_slice(struct_hash.as_slice());
    keccak256(message)
}

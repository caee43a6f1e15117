//! From what a maker asks for to the order that he signs.

use crate::{
    Extension, ExtraData, FillFee, FillTerms, LimitOrder, MakerTraits, OrderDomain, OrderFile,
    error::OrderError,
};
use alloy::primitives::{Address, Bytes, U256};
use bmn_primitives::{AddressWord, Dialect};

/// Everything that an order of any dialect is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderDraft {
    /// Dialect of the factory.
    pub dialect: Dialect,
    /// The factory, which makes the source escrow in the fill.
    pub factory: Address,
    /// Owner of what is sold, who signs.
    pub maker: AddressWord,
    /// Who is paid on the destination chain; zero is the maker.
    pub receiver: AddressWord,
    /// Token sold.
    pub maker_asset: AddressWord,
    /// How much of it, smallest unit.
    pub making_amount: U256,
    /// Paid on the source chain: the chain's always-true token, or the taker pays twice.
    pub taker_asset: AddressWord,
    /// How much of the destination token is bought, smallest unit.
    pub taking_amount: U256,
    /// Hashlock, destination, safety deposits and times.
    pub extra: ExtraData,
    /// Who may fill, from when, for what fee: in 1inch orders, and in no others.
    pub fill_terms: Option<FillTerms>,
    /// Options.
    pub maker_traits: MakerTraits,
    /// Its high 96 bits make the salt.
    pub entropy: U256,
}

impl OrderDraft {
    /// What stands behind the factory's address: the fill terms where the dialect has them, and the five
    /// words.
    ///
    /// # Errors
    /// Fill terms that the dialect does not have or cannot count, or none where it needs them.
    pub fn post_interaction_data(&self) -> Result<Bytes, OrderError> {
        let header = match (self.dialect, &self.fill_terms) {
            (Dialect::OneInch1, Some(terms)) if matches!(terms.fee, FillFee::Credit(_)) => {
                terms.encode()?
            }
            (Dialect::OneInch2, Some(terms)) if matches!(terms.fee, FillFee::Destination(_)) => {
                terms.encode()?
            }
            (Dialect::OneInch1 | Dialect::OneInch2, _) => {
                return Err(OrderError::WrongFillTerms(self.dialect));
            }
            (other, Some(_)) => return Err(OrderError::NoFillTerms(other)),
            (_, None) => Bytes::new(),
        };
        Ok([header, self.extra.encode()].concat().into())
    }

    /// The extension: the post-interaction alone.
    ///
    /// # Errors
    /// As [`Self::post_interaction_data`].
    pub fn extension(&self) -> Result<Bytes, OrderError> {
        Ok(Extension::post_interaction_only(self.factory, &self.post_interaction_data()?))
    }

    /// The order that commits to an extension.
    pub fn order(&self, extension: &[u8]) -> LimitOrder {
        LimitOrder {
            salt: LimitOrder::salt_for(extension, self.entropy),
            maker: self.maker,
            receiver: self.receiver,
            maker_asset: self.maker_asset,
            taker_asset: self.taker_asset,
            making_amount: self.making_amount,
            taking_amount: self.taking_amount,
            maker_traits: self.maker_traits,
        }
    }

    /// The order's file, which is not signed yet.
    ///
    /// # Errors
    /// As [`Self::post_interaction_data`].
    pub fn file(&self, domain: &OrderDomain) -> Result<OrderFile, OrderError> {
        let extension = self.extension()?;
        Ok(OrderFile::unsigned(&self.order(&extension), &extension, domain, &self.extra))
    }
}

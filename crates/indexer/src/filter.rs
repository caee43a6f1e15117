//! Which logs of a chain can matter, decided before anything is decoded.

use alloy::primitives::{Address, B256, Bloom, BloomInput};
use bmn_chain::ChainLog;
use bmn_contracts::{Emitter, immutables_hash, proxy_bytecode_hash, topics};
use bmn_primitives::{Dialect, Immutables};
use bmn_swap::{FactoryTerms, Route};

/// What [`fold_block`](crate::fold_block) would look at, made once for a route.
///
/// It has no false negatives: a log that it does not want, or a block whose bloom it refuses, holds
/// nothing for the index. Wanting says little: strangers' escrows log the same topics.
#[derive(Debug, Clone)]
pub struct LogFilter {
    addresses: Vec<Address>,
    topics: Vec<B256>,
    /// One bit for each value of the low twelve bits of an address; foreign ones rarely pass.
    address_bits: Box<[u64; 64]>,
    /// One bit for each first byte of a topic.
    topic_bits: [u64; 4],
    probes: Vec<Probe>,
    /// Code hashes of the clones of each factory's source implementation, by implementation.
    clones: Vec<(Address, B256)>,
}

/// The bits that one address or topic sets in a bloom: three, or fewer where they coincide.
#[derive(Debug, Clone, Copy)]
struct Probe([(u8, u8); 3]);

impl Probe {
    fn new(item: &[u8]) -> Self {
        let mut bloom = Bloom::ZERO;
        bloom.accrue(BloomInput::Raw(item));
        let mut set = (0..=u8::MAX).zip(bloom.0).filter(|(_, mask)| *mask != 0);
        let first = set.next().unwrap_or_default();
        let second = set.next().unwrap_or(first);
        Self([first, second, set.next().unwrap_or(first)])
    }

    fn is_in(&self, bloom: &Bloom) -> bool {
        self.0.iter().all(|(index, mask)| bloom.0[usize::from(*index)] & mask == *mask)
    }
}

impl LogFilter {
    /// The filter of a route: its factories, their limit-order contracts, and what escrows log.
    pub fn new(route: &Route) -> Self {
        let mut addresses: Vec<Address> = route
            .factories
            .iter()
            .flat_map(|factory| [factory.address, factory.limit_order_protocol])
            .filter(|address| !address.is_zero())
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        let escrows = Dialect::ALL.map(Emitter::Escrow);
        let mut topics: Vec<B256> = escrows.into_iter().flat_map(topics).copied().collect();
        topics.sort_unstable();
        topics.dedup();
        let mut filter = Self {
            probes: Vec::new(),
            address_bits: Box::new([0; 64]),
            topic_bits: [0; 4],
            clones: Vec::new(),
            addresses,
            topics,
        };
        for factory in &route.factories {
            let source = factory.implementations.source;
            filter.clones.push((source, proxy_bytecode_hash(source)));
        }
        for address in &filter.addresses {
            let (word, bit) = address_bit(address);
            filter.address_bits[word] |= bit;
            filter.probes.push(Probe::new(address.as_slice()));
        }
        for topic in &filter.topics {
            let (word, bit) = topic_bit(topic);
            filter.topic_bits[word] |= bit;
            filter.probes.push(Probe::new(topic.as_slice()));
        }
        filter
    }

    /// Whether a block with this bloom can hold a log of interest. Only for blooms that are the
    /// block's own: where a chain leaves them empty, ask for the logs.
    pub fn may_hold(&self, bloom: &Bloom) -> bool {
        self.probes.iter().any(|probe| probe.is_in(bloom))
    }

    /// Whether [`fold_block`](crate::fold_block) would look at the log.
    pub fn wants(&self, log: &ChainLog) -> bool {
        let (word, bit) = address_bit(&log.address);
        if self.address_bits[word] & bit != 0 && self.is_registered(log.address) {
            return true;
        }
        let Some(topic) = log.topics.first() else { return false };
        let (word, bit) = topic_bit(topic);
        self.topic_bits[word] & bit != 0 && self.topics.contains(topic)
    }

    /// [`bmn_contracts::source_escrow`] of a factory of the route, whose clones are not hashed again.
    pub(crate) fn source_escrow(&self, factory: &FactoryTerms, immutables: &Immutables) -> Address {
        let implementation = factory.implementations.source;
        let known = self.clones.iter().find(|(of, _)| *of == implementation);
        let code = known.map_or_else(|| proxy_bytecode_hash(implementation), |(_, code)| *code);
        factory.address.create2(immutables_hash(factory.dialect, immutables), code)
    }

    fn is_registered(&self, address: Address) -> bool {
        self.addresses.binary_search(&address).is_ok()
    }

    /// Contracts of which every log is wanted: factories and limit-order contracts, sorted.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// First topics that are wanted whoever logs them: those of escrows, whose addresses are known only
    /// after their creation was indexed. Sorted.
    pub fn topics_anywhere(&self) -> &[B256] {
        &self.topics
    }
}

const fn address_bit(address: &Address) -> (usize, u64) {
    let [.., high, low] = address.0.0;
    ((high & 0x3f) as usize, 1 << (low & 0x3f))
}

const fn topic_bit(topic: &B256) -> (usize, u64) {
    let first = topic.0[0];
    ((first >> 6) as usize, 1 << (first & 0x3f))
}

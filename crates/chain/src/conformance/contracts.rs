//! The two contracts that the cases call, and their calldata.

use alloy::primitives::{Address, B256, Bytes, hex};

/// Logs what its calldata lists; see [`Emission`].
///
/// ```text
///         PUSH0                                          position in calldata
/// loop:   DUP1 CALLDATASIZE GT @record JUMPI STOP
/// record: DUP1 CALLDATALOAD DUP1 248 SHR                 number of topics
///         SWAP1 232 SHR 0xffff AND                       length of the data
///         DUP1 DUP4 131 ADD PUSH0 CALLDATACOPY
///         DUP3 99 ADD CALLDATALOAD DUP4 67 ADD CALLDATALOAD
///         DUP5 35 ADD CALLDATALOAD DUP6 3 ADD CALLDATALOAD
///         DUP5 PUSH0 DUP8 4 SHL @table ADD JUMP          one entry of 16 bytes for 0 to 4 topics
/// table:  LOG0 POP POP POP POP @next JUMP …
/// next:   SWAP1 POP ADD 131 ADD @loop JUMP
/// ```
pub const EMITTER: &[u8] = &hex!(
    "5f5b803611600957005b80358060f81c9060e81c61ffff1680836083015f3782606301358360430135"
    "84602301358560030135845f8760041b603d0156"
    "5ba050505050607f5600000000000000"
    "5ba1505050607f560000000000000000"
    "5ba25050607f56000000000000000000"
    "5ba350607f5600000000000000000000"
    "5ba4"
    "5b905001608301600156"
);

/// Returns the block's timestamp; reverts with its calldata when it has any.
///
/// ```text
///       CALLDATASIZE @bad JUMPI TIMESTAMP PUSH0 MSTORE 32 PUSH0 RETURN
/// bad:  CALLDATASIZE PUSH0 PUSH0 CALLDATACOPY CALLDATASIZE PUSH0 REVERT
/// ```
pub(super) const PROBE: &[u8] = &hex!("36600b57425f5260205ff35b365f5f37365ffd");

/// Nonce of the testbed's signer that deploys [`EMITTER`].
const EMITTER_NONCE: u64 = 0;
/// Nonce of the testbed's signer that deploys [`PROBE`].
const PROBE_NONCE: u64 = 1;

/// Where the contract stands whose logs a host must deliver: its address is in the first block's
/// future, so that a source which filters by address can be told before there is a block.
pub fn emitter_address(signer: Address) -> Address {
    signer.create(EMITTER_NONCE)
}

pub(super) fn probe_address(signer: Address) -> Address {
    signer.create(PROBE_NONCE)
}

/// Init code that returns `runtime`, which is shorter than 256 bytes.
pub(super) fn init_code(runtime: &[u8]) -> Bytes {
    let length = u8::try_from(runtime.len()).unwrap_or(u8::MAX);
    let mut code = vec![0x60, length, 0x80, 0x60, 0x09, 0x5f, 0x39, 0x5f, 0xf3];
    code.extend_from_slice(runtime);
    code.into()
}

/// One log the emitter is told to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emission {
    /// None to four.
    pub topics: Vec<B256>,
    /// Less than 64 KiB.
    pub data: Bytes,
}

impl Emission {
    /// Logs of every shape: none to four topics, data of none to 96 bytes. `seed` makes each its own.
    pub(super) fn shaped(seed: u64) -> Self {
        let word = |salt: u64| {
            let mut word = [0; 32];
            word[..8].copy_from_slice(&salt.to_be_bytes());
            word[24..].copy_from_slice(&seed.to_be_bytes());
            B256::from(word)
        };
        let topics = (1..=seed % 5).map(word).collect();
        let length = usize::try_from(seed * 37 % 97).unwrap_or_default();
        let data: Vec<u8> = (9..12).flat_map(|salt| word(salt).0).take(length).collect();
        Self { topics, data: data.into() }
    }

    /// A record of the emitter's calldata: the number of topics (1 byte), the length of the data (2),
    /// four words of topics, the data.
    fn record(&self) -> Vec<u8> {
        let mut record = vec![u8::try_from(self.topics.len()).unwrap_or_default()];
        let length = u16::try_from(self.data.len()).unwrap_or_default();
        record.extend_from_slice(&length.to_be_bytes());
        for slot in 0..4 {
            record.extend_from_slice(self.topics.get(slot).unwrap_or(&B256::ZERO).as_slice());
        }
        record.extend_from_slice(&self.data);
        record
    }
}

/// What the emitter is called with to make these logs, in their order.
pub fn emissions(emissions: &[Emission]) -> Bytes {
    emissions.iter().flat_map(Emission::record).collect::<Vec<_>>().into()
}

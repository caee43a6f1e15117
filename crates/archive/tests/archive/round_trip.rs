//! What is written is what is read.

use crate::files::{file, options, preamble, records, small_frames};
use alloy::{
    consensus::Header,
    primitives::{Bloom, Bytes, Log, LogData, address, b256, keccak256},
    rlp::Encodable,
};
use bmn_archive::{
    ArchivedBlock, ArchivedReceipt, Ending, Events, Reader, Record, Rollback, Trust, Writer,
    WriterOptions, check_block,
    generate::{Generator, Shape},
    verify,
};
use bmn_chain::{ChainEvent, Segment};
use bmn_primitives::BlockRef;

#[test]
fn records_come_back_and_the_file_verifies() {
    let options = options(Shape::Mainnet, 30);
    let (bytes, trailer) = file(&options, small_frames());
    let (found, error) = records(&bytes);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(found, Generator::new(options).unwrap().collect::<Vec<_>>());
    let mut seen = 0;
    let report = verify(bytes.as_slice(), |_, _| seen += 1).unwrap();
    assert_eq!(report.ending, Ending::Complete(Box::new(trailer.clone())));
    assert_eq!(report.totals, trailer.totals);
    assert!(seen >= 30 && trailer.totals.frames >= 8, "{:?}", trailer.totals);
}

#[test]
fn frames_and_levels_change_the_file_but_not_its_history() {
    let options = options(Shape::Dense, 9);
    let (small, small_trailer) = file(&options, small_frames());
    let (tight, tight_trailer) = file(&options, WriterOptions { level: 9, ..small_frames() });
    let (large, large_trailer) = file(&options, WriterOptions::default());
    assert!(small != large && small != tight);
    assert_ne!(small_trailer.file_digest, large_trailer.file_digest);
    for trailer in [tight_trailer, large_trailer] {
        assert_eq!(trailer.history_digest, small_trailer.history_digest);
    }
}

#[test]
fn the_index_names_where_each_frame_begins() {
    let (bytes, trailer) = file(&options(Shape::Dense, 9), small_frames());
    assert_eq!(trailer.index.len(), 3);
    for entry in &trailer.index {
        let at = usize::try_from(entry.offset).unwrap();
        assert_eq!(&bytes[at..at + 4], b"BLKS");
    }
    let ranges: Vec<_> = trailer.index.iter().map(|e| (e.first_block, e.last_block)).collect();
    assert_eq!(ranges, [(1, 4), (5, 8), (9, 9)]);
}

/// Applies events as a host's cursor would move, and counts reorgs and plain reverts.
fn followed(bytes: &[u8], max_blocks: usize) -> (Vec<BlockRef>, usize, usize) {
    let mut chain: Vec<BlockRef> = Vec::new();
    let (mut reorged, mut reverted) = (0, 0);
    for event in Events::new(Reader::new(bytes).unwrap(), max_blocks) {
        let event = event.unwrap();
        for block in event.reverted() {
            assert_eq!(chain.pop(), Some(*block));
        }
        for block in event.committed() {
            assert!(chain.last().is_none_or(|tip| tip.hash == block.header.parent_hash));
            chain.push(block.header.block_ref());
        }
        match event {
            ChainEvent::Reorged { .. } => reorged += 1,
            ChainEvent::Reverted { .. } => reverted += 1,
            ChainEvent::Committed(segment) => assert!(segment.blocks().len() <= max_blocks),
            ChainEvent::Backfilled(_) => panic!("an archive has every block"),
        }
    }
    (chain, reorged, reverted)
}

#[test]
fn rollbacks_come_back_as_the_events_they_were() {
    let blocks: Vec<_> = Generator::new(options(Shape::Dense, 4)).unwrap().collect();
    let at = |index: usize| match &blocks[index] {
        Record::Block(block) => block.header_view().unwrap().block_ref(),
        Record::Rollback(_) => panic!("a block"),
    };
    for (replaced_by, expected) in [(2, (1, 0)), (0, (0, 1))] {
        let rollback = Rollback { reverted: vec![at(2), at(1)], replaced_by };
        let mut writer = Writer::create(Vec::new(), &preamble(), small_frames()).unwrap();
        for block in &blocks[..3] {
            writer.push(block).unwrap();
        }
        let wrong = Rollback { reverted: vec![at(1)], replaced_by };
        assert!(writer.push(&Record::Rollback(wrong)).is_err());
        writer.push(&Record::Rollback(rollback)).unwrap();
        for block in &blocks[1..] {
            writer.push(block).unwrap();
        }
        let (bytes, trailer) = writer.finish().unwrap();
        assert_eq!((trailer.totals.rollbacks, trailer.totals.reverted), (1, 2));
        assert!(verify(bytes.as_slice(), |_, _| ()).is_ok());
        let (chain, reorged, reverted) = followed(&bytes, 16);
        assert_eq!((chain, (reorged, reverted)), ((0..4).map(at).collect(), expected));
        // Cut between the rollback and what replaced it.
        let second = usize::try_from(trailer.index[1].offset).unwrap();
        assert_eq!(followed(&bytes[..second], 16).0, [at(0)]);
    }
}

#[test]
fn a_generated_history_with_reorgs_can_be_followed() {
    let (bytes, trailer) = file(&options(Shape::Mainnet, 110), WriterOptions::default());
    assert!(trailer.totals.rollbacks > 0, "{:?}", trailer.totals);
    let (chain, reorged, reverted) = followed(&bytes, 16);
    assert_eq!((reorged + reverted) as u64, trailer.totals.rollbacks);
    assert_eq!((chain.len(), chain.last().copied()), (110, trailer.tip));
}

/// A deposit of the OP stack, whose receipt has two fields more than any Ethereum receipt.
fn deposit_receipt(log: &Log) -> Bytes {
    let mut fields = Vec::new();
    true.encode(&mut fields);
    46_902_u64.encode(&mut fields);
    let mut bloom = Bloom::ZERO;
    bloom.accrue_log(log);
    bloom.encode(&mut fields);
    vec![log.clone()].encode(&mut fields);
    7_u64.encode(&mut fields);
    1_u64.encode(&mut fields);
    let mut bytes = vec![0x7e];
    alloy::rlp::Header { list: true, payload_length: fields.len() }.encode(&mut bytes);
    bytes.extend(fields);
    bytes.into()
}

/// A block of a chain whose headers have one field more than any Ethereum header.
fn foreign_block() -> ArchivedBlock {
    let log = Log {
        address: address!("4200000000000000000000000000000000000015"),
        data: LogData::new_unchecked(vec![keccak256("x")], Bytes::from_static(&[1, 2, 3])),
    };
    let tx_hash = b256!("00000000000000000000000000000000000000000000000000000000000000aa");
    let receipts = vec![ArchivedReceipt { tx_hash, receipt: deposit_receipt(&log) }];
    let root = alloy_trie_root(&receipts);
    let mut bloom = Bloom::ZERO;
    bloom.accrue_log(&log);
    let header = Header {
        number: 1,
        receipts_root: root,
        logs_bloom: bloom,
        timestamp: 5,
        base_fee_per_gas: Some(9),
        ..Header::default()
    };
    let encoded = alloy::rlp::encode(&header);
    let mut rest = encoded.as_slice();
    let list = alloy::rlp::Header::decode(&mut rest).unwrap();
    assert!(list.list);
    let mut fields = rest.to_vec();
    keccak256("later").encode(&mut fields);
    let mut bytes = Vec::new();
    alloy::rlp::Header { list: true, payload_length: fields.len() }.encode(&mut bytes);
    bytes.extend(fields);
    let hash = keccak256(&bytes);
    ArchivedBlock { hash, header: bytes.into(), receipts, trust: Trust::default() }
}

fn alloy_trie_root(receipts: &[ArchivedReceipt]) -> alloy::primitives::B256 {
    alloy::consensus::proofs::ordered_trie_root_with_encoder(receipts, |receipt, out| {
        use alloy::rlp::BufMut;
        out.put_slice(&receipt.receipt);
    })
}

#[test]
fn types_and_fields_of_other_chains_pass_and_are_checked() {
    let block = foreign_block();
    let header = check_block(&block).unwrap();
    assert_eq!((header.number, header.timestamp, header.base_fee), (1, 5, Some(9)));
    let [log] = block.logs().unwrap().try_into().unwrap();
    assert_eq!((log.data.as_ref(), log.tx_index, log.log_index), (&[1, 2, 3][..], 0, 0));
    assert!(Segment::new(vec![block.block().unwrap()]).is_ok());
    let mut writer = Writer::create(Vec::new(), &preamble(), WriterOptions::default()).unwrap();
    writer.push(&Record::Block(block.clone())).unwrap();
    let (bytes, _) = writer.finish().unwrap();
    assert_eq!(verify(bytes.as_slice(), |_, _| ()).unwrap().totals.logs, 1);
    // Known fields only: the hash cannot be right, and the record has to say so.
    let mut unverifiable = block;
    unverifiable.header = alloy::rlp::encode(Header { number: 1, ..Header::default() }).into();
    assert!(check_block(&unverifiable).is_err());
    unverifiable.trust = Trust { header_unverified: true, receipts_unverified: true };
    assert!(check_block(&unverifiable).is_ok());
}

//! A file that was cut off goes on where it ended.

use crate::files::{file, options, records, small_frames};
use bmn_archive::{
    Ending, Reader, Record, Writer,
    generate::{Generator, Shape},
    resume_point, verify,
};

fn number(record: &Record) -> Option<u64> {
    match record {
        Record::Block(block) => Some(block.header_view().unwrap().number),
        Record::Rollback(_) => None,
    }
}

fn resumed(cut: &[u8], rest: impl Iterator<Item = Record>) -> Vec<u8> {
    let point = resume_point(cut).unwrap();
    let tip = point.tip().map_or(0, |tip| tip.number);
    let kept = cut[..usize::try_from(point.offset()).unwrap()].to_vec();
    let mut writer = Writer::resume(kept, point, small_frames()).unwrap();
    for record in rest.filter(|record| number(record).is_some_and(|number| number > tip)) {
        writer.push(&record).unwrap();
    }
    writer.finish().unwrap().0
}

#[test]
fn a_cut_at_any_byte_loses_one_frame_at_most_and_goes_on_to_the_same_file() {
    let options = options(Shape::Dense, 10);
    let (whole, trailer) = file(&options, small_frames());
    let (all, _) = records(&whole);
    let begin = usize::try_from(trailer.index[0].offset).unwrap();
    let ends = trailer.index[1..].iter().map(|entry| usize::try_from(entry.offset).unwrap());
    let edges = ends.flat_map(|end| [end - 1, end, end + 1, end + 136, end + 137]);
    let steps = (begin..whole.len()).step_by(4_999);
    for cut in steps.chain(edges).chain([whole.len() - 1]) {
        let (found, error) = records(&whole[..cut]);
        assert!(error.is_none(), "cut at {cut}: {error:?}");
        assert_eq!(found, all[..found.len()], "cut at {cut}");
        let report = verify(&whole[..cut], |_, _| ()).unwrap();
        let Ending::CutOff { offset, lost } = report.ending else { panic!("cut at {cut}") };
        assert_eq!(offset + lost, cut as u64);
        let again = resumed(&whole[..cut], all.iter().cloned());
        assert!(again == whole, "cut at {cut}: another file");
    }
}

#[test]
fn a_finished_file_grows() {
    let (short, _) = file(&options(Shape::Dense, 8), small_frames());
    let longer = options(Shape::Dense, 12);
    // Frames of four: the first eight blocks fill two, so the result is the same file.
    let again = resumed(&short, Generator::new(longer.clone()).unwrap());
    assert!(again == file(&longer, small_frames()).0);
}

#[test]
fn a_damaged_frame_is_where_a_file_goes_on() {
    let options = options(Shape::Dense, 12);
    let (whole, trailer) = file(&options, small_frames());
    let at = usize::try_from(trailer.index[1].offset).unwrap();
    let mut damaged = whole.clone();
    damaged[at + 200] ^= 1;
    let point = resume_point(damaged.as_slice()).unwrap();
    assert_eq!(point.offset(), at as u64);
    assert_eq!(point.damage().unwrap().frame, 1);
    assert!(resumed(&damaged, Generator::new(options).unwrap()) == whole);
}

#[test]
fn a_block_of_another_branch_is_refused_and_changes_nothing() {
    let options = options(Shape::Dense, 3);
    let blocks: Vec<_> = Generator::new(options.clone()).unwrap().collect();
    let mut writer = Writer::create(Vec::new(), &options.preamble("test"), small_frames()).unwrap();
    writer.push(&blocks[0]).unwrap();
    let before = *writer.totals();
    let error = writer.push(&blocks[2]).unwrap_err().to_string();
    assert!(error.contains("not the child") && error.contains("reorganised"), "{error}");
    assert_eq!(*writer.totals(), before);
    writer.push(&blocks[1]).unwrap();
    let (bytes, _) = writer.finish().unwrap();
    assert_eq!(Reader::new(bytes.as_slice()).unwrap().count(), 2);
}

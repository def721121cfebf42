//! Test support: files that are damaged in every place, and the memory that reading them takes.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use crate::engine::EngineError;

/// What a reader may take at once for a file of a few hundred bytes, whatever that claims of itself.
const MOST_BYTES: isize = 1 << 20;

/// Reads the file with each bit flipped, and each run of eight bytes replaced by wild numbers. No reader panics or takes much
/// memory, each refusal has a reason; some damage is found, and some (in a text) cannot be. No flip of the first `magic` bytes
/// is accepted.
pub fn survives_damage<T>(file: &[u8], magic: usize, read: impl Fn(Vec<u8>) -> Result<T, EngineError>) {
    let (mut refused, mut accepted) = (0, 0);
    for (position, damaged) in flipped(file).chain(wild(file)) {
        let (outcome, peak) = peak_of(|| read(damaged));
        assert!(peak < MOST_BYTES, "{peak} bytes were taken for damage at {position}");
        match outcome {
            Err(error) => {
                refused += 1;
                assert!(error.to_string().len() > 10, "damage at {position} is refused without a reason: {error}");
            }
            Ok(_) => {
                accepted += 1;
                assert!(position >= magic, "a file that begins otherwise was accepted (byte {position})");
            }
        }
    }
    assert!(refused > file.len() / 2 && accepted > 0, "{refused} refused, {accepted} accepted");
}

fn flipped(file: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    (0..file.len() * 8).map(|bit| {
        let mut damaged = file.to_vec();
        damaged[bit / 8] ^= 1 << (bit % 8);
        (bit / 8, damaged)
    })
}

fn wild(file: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> {
    const NUMBERS: [u64; 3] = [u64::MAX, 0x7f00_0000_0000_0000, 0x7fff_ffff_ffff_fff0];
    (0..file.len()).flat_map(|position| NUMBERS.map(|number| (position, number))).map(|(position, number)| {
        let mut damaged = file.to_vec();
        let end = (position + 8).min(damaged.len());
        damaged[position..end].copy_from_slice(&number.to_le_bytes()[..end - position]);
        (position, damaged)
    })
}

/// The most bytes that this thread had allocated at once while it did something, beyond those that it had before.
fn peak_of<T>(work: impl FnOnce() -> T) -> (T, isize) {
    TAKEN.set((0, 0));
    let done = work();
    (done, TAKEN.get().1)
}

thread_local! {
    /// Bytes that this thread holds, and the most that it has held.
    static TAKEN: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn count(bytes: isize) {
    // A thread that ends has nothing to count with.
    let _ = TAKEN.try_with(|taken| {
        let (held, most) = taken.get();
        taken.set((held + bytes, most.max(held + bytes)));
    });
}

// SAFETY: every call goes to the system's allocator as it came; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

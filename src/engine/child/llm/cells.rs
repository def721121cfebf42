//! Counts the cells of a unified KV cache as llama.cpp uses them: one for each token, however many sequences hold it.

/// Names a cell. Not llama.cpp's own number: only how many there are matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell(u32);

/// All cells of a context.
pub(super) struct Cells {
    /// How many sequences hold each.
    holders: Vec<u16>,
    free: Vec<Cell>,
}

impl Cells {
    pub(super) fn new(total: u32) -> Self {
        Self { holders: vec![0; total as usize], free: (0..total).rev().map(Cell).collect() }
    }

    pub(super) fn free(&self) -> usize {
        self.free.len()
    }

    /// A cell for a token that was read. llama.cpp would have refused to read it without a free one.
    pub(super) fn take(&mut self) -> Cell {
        let cell = self.free.pop().unwrap_or_else(|| {
            let more = u32::try_from(self.holders.len()).unwrap_or(u32::MAX);
            self.holders.push(0);
            Cell(more)
        });
        self.holders[cell.0 as usize] = 1;
        cell
    }

    /// One more sequence holds it.
    pub(super) fn share(&mut self, cell: Cell) {
        self.holders[cell.0 as usize] += 1;
    }

    /// One sequence less holds it.
    pub(super) fn release(&mut self, cell: Cell) {
        let holders = &mut self.holders[cell.0 as usize];
        *holders = holders.saturating_sub(1);
        if *holders == 0 {
            self.free.push(cell);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_free_when_its_last_holder_has_gone() {
        let mut cells = Cells::new(3);
        let (shared, own) = (cells.take(), cells.take());
        cells.share(shared);
        cells.release(shared);
        assert_eq!(cells.free(), 1);
        cells.release(shared);
        cells.release(own);
        assert_eq!(cells.free(), 3);
    }
}

//! How a convolution is summed: an output plane at a time, on all cores where there is much to add.
//!
//! A sum takes its products tap by tap and, of each tap, channel by channel, on any number of threads, so that floats come out the
//! same to the last bit. Where the largest numbers tell that nothing can overflow, nothing is checked; elsewhere every step is.
//! It knows no windows, and no layers.

use std::ops::Range;

use ndarray::{Array3, ArrayView1, ArrayView2, ArrayView3, ArrayViewMut1, ArrayViewMut2, Axis, Slice};
use rayon::prelude::*;

use crate::number::{Number, largest_magnitude, products_fit};
use crate::term::Kernel;

/// Products from which on a part of a convolution is worth a task of its own.
const WORTH_A_TASK: usize = 1 << 16;

impl<T: Number> Kernel<T> {
    /// Adds the products of the weights with what is read, after window sums; `None` means overflow.
    pub(crate) fn add_products(&self, sums: &mut Array3<T>, read: ArrayView3<'_, T>) -> Option<()> {
        let magnitude = largest_magnitude(read);
        let add = |(output, mut plane): (usize, ArrayViewMut2<'_, T>)| {
            let weights = self.weights.index_axis(Axis(0), output);
            let magnitudes = (largest_magnitude(weights), magnitude);
            let of_group = self.first_input(output)..self.first_input(output) + self.group_inputs();
            let read = read.slice_axis(Axis(0), of_group.into());
            if products_fit(largest_magnitude(&plane), magnitudes, weights.len()) {
                self.add_taps(&mut plane, weights, read, |sum, a, b| Some(sum.mul_add_fitting(a, b)))
            } else {
                self.add_taps(&mut plane, weights, read, T::mul_add)
            }
        };
        let of_plane = self.weights.len() / self.outputs().max(1) * sums.dim().1 * sums.dim().2;
        let least = (WORTH_A_TASK / of_plane.max(1)).max(1);
        let planes: Vec<_> = sums.outer_iter_mut().enumerate().collect();
        if planes.len() <= least {
            planes.into_iter().try_for_each(add)
        } else {
            planes.into_par_iter().with_min_len(least).try_for_each(add)
        }
    }

    fn add_taps(
        &self,
        plane: &mut ArrayViewMut2<'_, T>,
        weights: ArrayView3<'_, T>,
        read: ArrayView3<'_, T>,
        add: impl Fn(T, T, T) -> Option<T>,
    ) -> Option<()> {
        let ((_, kh, kw), (_, height, width)) = (weights.dim(), read.dim());
        for (dy, dx) in (0..kh).flat_map(|dy| (0..kw).map(move |dx| (dy, dx))) {
            let weights = weights.index_axis_move(Axis(1), dy).index_axis_move(Axis(1), dx);
            let columns = self.covered((dx, self.padding.left), width, plane.dim().1);
            let Some(first) = columns.clone().next() else { continue };
            let x = first * self.stride + dx - self.padding.left;
            for row in self.covered((dy, self.padding.top), height, plane.dim().0) {
                let y = row * self.stride + dy - self.padding.top;
                let mut row = plane.row_mut(row);
                let mut cells = row.slice_axis_mut(Axis(0), columns.clone().into());
                let read = read.index_axis(Axis(1), y);
                let read = read.slice_axis(Axis(1), Slice::from(x..).step_by(self.stride as isize));
                add_channels(&mut cells, weights, read, &add)?;
            }
        }
        Some(())
    }

    /// Places of the output, along one axis, at which a tap lies on what is read and not on padding.
    fn covered(&self, (tap, before): (usize, usize), size: usize, outputs: usize) -> Range<usize> {
        let end = (size + before).saturating_sub(tap).div_ceil(self.stride).min(outputs);
        before.saturating_sub(tap).div_ceil(self.stride)..end
    }
}

/// Adds each channel's row times its weight to a row of cells.
fn add_channels<T: Number>(
    cells: &mut ArrayViewMut1<'_, T>,
    weights: ArrayView1<'_, T>,
    read: ArrayView2<'_, T>,
    add: impl Fn(T, T, T) -> Option<T>,
) -> Option<()> {
    if cells.len() == 1 {
        let products = weights.iter().zip(read.column(0));
        cells[0] = products.into_iter().try_fold(cells[0], |sum, (&weight, &value)| add(sum, weight, value))?;
        return Some(());
    }
    for (&weight, row) in weights.iter().zip(read.outer_iter()) {
        match (cells.as_slice_mut(), row.as_slice()) {
            (Some(cells), Some(row)) => add_row(cells, weight, row, &add)?,
            _ => add_row(cells.iter_mut(), weight, row.iter(), &add)?,
        }
    }
    Some(())
}

fn add_row<'a, T: Number>(
    cells: impl IntoIterator<Item = &'a mut T>,
    weight: T,
    row: impl IntoIterator<Item = &'a T>,
    add: impl Fn(T, T, T) -> Option<T>,
) -> Option<()> {
    cells.into_iter().zip(row).try_for_each(|(cell, &value)| {
        *cell = add(*cell, weight, value)?;
        Some(())
    })
}

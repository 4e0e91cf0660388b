//! The matrix product of the forward pass: `x·W` on the calling thread, by the same library that candle multiplies with.
//!
//! Called once per linear map and step, which is hundreds of thousands of times a minute. Candle's own `matmul` asks on
//! each call how many processors the machine has and reads `/proc/cpuinfo` for it: a third of the time of an assessment.
//! The bits are candle's (a test compares them). The library has no safe entry; this is the one place that calls it, and
//! it checks every length before.

use gemm::Parallelism;

use crate::LocalError;

/// `input·weight` for row-major `input` `[rows, width]` and `weight` `[width, columns]`: row-major `[rows, columns]`.
///
/// # Errors
/// Where the lengths are not those of such matrices.
pub(crate) fn multiply(
    input: &[f32],
    weight: &[f32],
    (rows, width, columns): (usize, usize, usize),
) -> Result<Vec<f32>, LocalError> {
    let is_matrix = |length: usize, high: usize, wide: usize| high.checked_mul(wide) == Some(length);
    let (Some(size), Ok(input_step), Ok(weight_step)) =
        (rows.checked_mul(columns), isize::try_from(width), isize::try_from(columns))
    else {
        return Err(mismatch(input, weight, (rows, width, columns)));
    };
    if !is_matrix(input.len(), rows, width) || !is_matrix(weight.len(), width, columns) {
        return Err(mismatch(input, weight, (rows, width, columns)));
    }
    let mut product = vec![0.0; size];
    // SAFETY: the lengths were checked above, so that every element which these sizes and steps reach (row-major, columns
    // one apart) lies inside its slice; `product` is a fresh allocation, so nothing overlaps it.
    #[expect(unsafe_code, reason = "the library has no safe entry; see the module's head")]
    unsafe {
        gemm::gemm(
            rows,
            columns,
            width,
            product.as_mut_ptr(),
            1,
            weight_step,
            false,
            input.as_ptr(),
            1,
            input_step,
            weight.as_ptr(),
            1,
            weight_step,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    Ok(product)
}

fn mismatch(input: &[f32], weight: &[f32], (rows, width, columns): (usize, usize, usize)) -> LocalError {
    let what = format!(
        "`{}` and `{}` numbers are not matrices of `{rows}`×`{width}` and `{width}`×`{columns}`",
        input.len(),
        weight.len()
    );
    LocalError::Compute { what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{Device, Tensor};
    use rand::{RngExt as _, SeedableRng as _};

    /// The same bits as candle's own product.
    fn check(rows: usize, width: usize, columns: usize) {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64((rows + 31 * width + 977 * columns) as u64);
        let mut numbers = |count: usize| -> Vec<f32> { (0..count).map(|_| random.random_range(-2.0..2.0)).collect() };
        let (input, weight) = (numbers(rows * width), numbers(width * columns));
        let ours = multiply(&input, &weight, (rows, width, columns)).unwrap();
        let left = Tensor::from_slice(&input, (rows, width), &Device::Cpu).unwrap();
        let right = Tensor::from_slice(&weight, (width, columns), &Device::Cpu).unwrap();
        let theirs = left.matmul(&right).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let is_same = ours.iter().zip(&theirs).all(|(a, b)| a.to_bits() == b.to_bits());
        assert!(ours.len() == theirs.len() && is_same, "{rows}×{width}×{columns}");
    }

    #[test]
    fn the_bits_are_candles() {
        for (rows, width, columns) in
            [(1, 1, 1), (16, 128, 256), (16, 128, 704), (16, 352, 128), (16, 128, 768), (16, 1, 16), (3, 1000, 48)]
        {
            check(rows, width, columns);
        }
        check(16, 2048, 1024);
    }

    #[test]
    fn wrong_lengths_are_refused_before_anything_is_read() {
        for (input, weight, sizes) in
            [(3, 4, (2, 2, 2)), (4, 3, (2, 2, 2)), (4, 4, (2, usize::MAX, 2)), (0, 0, (usize::MAX, 0, 2))]
        {
            let error = multiply(&vec![1.0; input], &vec![1.0; weight], sizes).unwrap_err().to_string();
            assert!(error.contains("are not matrices"), "{error}");
        }
        assert!(multiply(&[], &[], (0, 0, 0)).unwrap().is_empty());
    }
}

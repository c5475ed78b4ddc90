//! One tensor of a file as importers see it: its shape, how it is stored, its constants.

use tract_tflite::internal::f16;
use tract_tflite::tflite::{self, TensorType};
use zklayout_model::{Label, Planes, RangeSource, Shape, Stored, ValueRange, View};

use crate::error::ImportError;

/// Bytes of a name, which is copied wherever the tensor is read.
const MOST_LETTERS: usize = 1 << 10;
/// Integers of a byte.
pub(super) const BYTE: (i64, i64) = (-128, 127);

/// A constant's numbers.
pub(super) enum Constant {
    /// Floats, or what bytes of weights stand for.
    Reals(Vec<f32>),
    /// Integers that are places, axes or extents.
    Integers(Vec<i64>),
}

/// A tensor of the file.
#[derive(Clone)]
pub(super) struct Tensor<'a> {
    /// Place in the file.
    pub(super) index: usize,
    /// Name in the file.
    pub(super) name: String,
    /// Dimensions, the batch first and the channels last.
    pub(super) dims: Vec<usize>,
    table: tflite::Tensor<'a>,
    data: Option<&'a [u8]>,
}

impl<'a> Tensor<'a> {
    pub(super) fn new(
        index: usize,
        table: tflite::Tensor<'a>,
        data: Option<&'a [u8]>,
    ) -> Result<Self, ImportError> {
        let name = table.name().unwrap_or_default();
        if name.len() > MOST_LETTERS {
            return Err(ImportError::Graph(format!("tensor {index} has a name of {} bytes", name.len())));
        }
        let name = name.to_owned();
        let dims: Vec<i32> = table.shape().map(|dims| dims.iter().collect()).unwrap_or_default();
        let sizes = dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
        let dims: Option<Vec<usize>> = sizes;
        let dims = dims.ok_or_else(|| ImportError::Graph(format!("tensor {name:?} has a negative dimension")))?;
        Ok(Self { index, name, dims, table, data })
    }

    /// The error for something in the tensor that is not as expected.
    pub(super) fn wrong(&self, reason: impl std::fmt::Display) -> ImportError {
        ImportError::Graph(format!("tensor {:?}: {reason}", self.name))
    }

    /// Whether it holds 32-bit floats.
    pub(super) fn is_float(&self) -> bool {
        self.table.type_() == TensorType::FLOAT32
    }

    /// Whether it holds bytes.
    pub(super) fn is_bytes(&self) -> bool {
        matches!(self.table.type_(), TensorType::INT8 | TensorType::UINT8 | TensorType::INT16)
    }

    /// Whether it holds integers that are places, axes or extents.
    pub(super) fn is_integer(&self) -> bool {
        matches!(self.table.type_(), TensorType::INT32 | TensorType::INT64)
    }

    /// The numbers of a constant of any type.
    pub(super) fn numbers(&self) -> Result<Constant, ImportError> {
        if self.table.sparsity().is_some() {
            return Err(self.wrong("it is sparse"));
        }
        Ok(match self.table.type_() {
            TensorType::FLOAT32 => {
                let words = self.constant(4)?.as_chunks::<4>().0;
                Constant::Reals(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
            }
            TensorType::FLOAT16 => {
                let words = self.constant(2)?.as_chunks::<2>().0;
                Constant::Reals(words.iter().map(|word| f16::from_le_bytes(*word).to_f32()).collect())
            }
            TensorType::INT8 => Constant::Reals(self.weighed()?),
            TensorType::INT32 if self.has_scales() => {
                return Err(self.wrong("it holds scaled integers, as of a file of bytes"));
            }
            TensorType::INT32 => Constant::Integers(self.words()?),
            TensorType::INT64 => {
                let words = self.constant(8)?.as_chunks::<8>().0;
                Constant::Integers(words.iter().map(|word| i64::from_le_bytes(*word)).collect())
            }
            other => return Err(self.wrong(format!("a constant of {other:?}"))),
        })
    }

    fn has_scales(&self) -> bool {
        self.table
            .quantization()
            .and_then(|quantisation| quantisation.scale())
            .is_some_and(|scales| !scales.is_empty())
    }

    /// Whether an extent is only known when the model is run, but for that of the batch.
    pub(super) fn is_free(&self) -> bool {
        self.table.shape_signature().is_some_and(|dims| dims.iter().skip(1).any(|dim| dim < 0))
    }

    /// What bytes of weights stand for, with one scale for all or one for each place along an axis.
    fn weighed(&self) -> Result<Vec<f32>, ImportError> {
        let (scales, zero_points) = (self.scales()?, self.zero_points());
        let axis = self.table.quantization().map_or(0, |quantisation| quantisation.quantized_dimension());
        let (axis, data) = (usize::try_from(axis).unwrap_or(usize::MAX), self.constant(1)?);
        let places = self.dims.get(axis).copied().unwrap_or(0);
        if scales.len() != 1 && scales.len() != places || scales.is_empty() {
            return Err(self.wrong(format!("{} scales for {places} places", scales.len())));
        }
        let inner: usize = self.dims.iter().skip(axis.saturating_add(1)).product();
        let value = |(at, byte): (usize, &u8)| {
            let place = if scales.len() == 1 { 0 } else { at / inner.max(1) % places };
            let zero = zero_points.get(place).or(zero_points.first()).copied().unwrap_or(0);
            scales[place] * (i64::from(*byte as i8) - zero) as f32
        };
        Ok(data.iter().enumerate().map(value).collect())
    }

    /// The planes of `[1, height, width, channels]` or `[1, features]`.
    pub(super) fn shape(&self) -> Result<Planes, ImportError> {
        let labels: &[Label] = match self.dims.len() {
            4 => &[Label::Batch, Label::Row, Label::Column, Label::Channel],
            2 => &[Label::Batch, Label::Feature],
            _ => &[],
        };
        let view = View::of(&Shape::new(labels.iter().copied().zip(self.dims.iter().copied())));
        view.filter(|_| !labels.is_empty()).map(|view| view.planes()).ok_or_else(|| {
            self.wrong(format!("shape {:?} is none of [1, height, width, channels], [1, features]", self.dims))
        })
    }

    /// How an int8 tensor with one scale is stored.
    pub(super) fn stored(&self) -> Result<Stored, ImportError> {
        self.expect(TensorType::INT8)?;
        let (scales, zero_points) = (self.scales()?, self.zero_points());
        let ([unit], [zero_point]) = (&scales[..], &zero_points[..]) else {
            let counts = (scales.len(), zero_points.len());
            return Err(self.wrong(format!("expected one scale and one zero point, found {counts:?}")));
        };
        if !(BYTE.0..=BYTE.1).contains(zero_point) {
            return Err(self.wrong(format!("zero point {zero_point} is no int8")));
        }
        Ok(Stored { unit: *unit, zero_point: *zero_point })
    }

    /// Values that the tensor's bytes stand for.
    pub(super) fn range(&self) -> Result<ValueRange, ImportError> {
        let zero_point = self.stored()?.zero_point;
        Ok(ValueRange { lo: BYTE.0 - zero_point, hi: BYTE.1 - zero_point, source: RangeSource::WorstCase })
    }

    /// A constant of int8 weights, and one scale for all or one for each place along `axis`.
    pub(super) fn weights(&self, axis: usize) -> Result<(Vec<i64>, Vec<f32>), ImportError> {
        self.expect(TensorType::INT8)?;
        if let Some(zero_point) = self.zero_points().into_iter().find(|zero_point| *zero_point != 0) {
            return Err(self.wrong(format!("weights with the zero point {zero_point}; expected 0")));
        }
        let (scales, places) = (self.scales()?, self.dims.get(axis).copied().unwrap_or(0));
        let along = self.table.quantization().map_or(0, |quantisation| quantisation.quantized_dimension());
        let each = scales.len() == places && usize::try_from(along) == Ok(axis);
        if !(scales.len() == 1 || each) {
            let count = scales.len();
            return Err(self
                .wrong(format!("{count} scales along dimension {along}; expected 1, or {places} along {axis}")));
        }
        let data = self.constant(1)?;
        Ok((data.iter().map(|&byte| i64::from(byte as i8)).collect(), scales))
    }

    /// A constant of 32-bit integers.
    pub(super) fn words(&self) -> Result<Vec<i64>, ImportError> {
        self.expect(TensorType::INT32)?;
        let (words, _) = self.constant(4)?.as_chunks::<4>();
        Ok(words.iter().map(|word| i64::from(i32::from_le_bytes(*word))).collect())
    }

    /// Whether the file has its values.
    pub(super) fn is_constant(&self) -> bool {
        self.data.is_some()
    }

    /// A constant of int8 values, less their zero point.
    pub(super) fn values(&self) -> Result<Vec<i64>, ImportError> {
        let zero_point = self.stored()?.zero_point;
        Ok(self.constant(1)?.iter().map(|&byte| i64::from(byte as i8) - zero_point).collect())
    }

    /// The bytes of a constant whose elements have this many.
    fn constant(&self, size: usize) -> Result<&'a [u8], ImportError> {
        let data = self.data.ok_or_else(|| self.wrong("expected a constant"))?;
        let expected = self.dims.iter().try_fold(size, |all, &dim| all.checked_mul(dim));
        if expected != Some(data.len()) {
            return Err(self.wrong(format!("{} bytes do not make the shape {:?}", data.len(), self.dims)));
        }
        Ok(data)
    }

    fn expect(&self, expected: TensorType) -> Result<(), ImportError> {
        let found = self.table.type_();
        if self.table.sparsity().is_some() {
            return Err(self.wrong("it is sparse"));
        }
        if found == expected {
            return Ok(());
        }
        Err(self.wrong(format!("expected {expected:?}, found {found:?}")))
    }

    fn scales(&self) -> Result<Vec<f32>, ImportError> {
        let scales = self.table.quantization().and_then(|quantisation| quantisation.scale());
        let scales: Vec<f32> = scales.map(|scales| scales.iter().collect()).unwrap_or_default();
        match scales.iter().find(|scale| !(scale.is_normal() && **scale > 0.0)) {
            Some(scale) => Err(self.wrong(format!("scale {scale}; expected a positive number"))),
            None => Ok(scales),
        }
    }

    fn zero_points(&self) -> Vec<i64> {
        let zero_points = self.table.quantization().and_then(|quantisation| quantisation.zero_point());
        zero_points.map(|zero_points| zero_points.iter().collect()).unwrap_or_default()
    }
}

//! A graph of MobileNetV2's shape, for the search alone: its weights are all zero.

use ndarray::Array4;
use zklayout::graph::{
    Clamp, Fixed, FixedActivation, FixedFinish, FixedInput, FixedLayer, Graph, Kernel, Move, NodeId, OutputKind,
    Padding, PerChannel, Planes, RangeSource, ValueRange,
};

/// Expansion, channels, repeats and first stride of each group of bottlenecks (Sandler et al., 2018, table 2).
const GROUPS: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// MobileNetV2 1.0 on square images of `size` pixels a side.
pub fn mobilenet_v2(size: usize, classes: usize) -> Graph<Fixed> {
    let mut net = Network::new(Planes::new(3, size, size));
    net.conv(32, 3, 2, 1, true);
    for (expansion, channels, repeats, stride) in GROUPS {
        for repeat in 0..repeats {
            net.bottleneck(expansion, channels, if repeat == 0 { stride } else { 1 });
        }
    }
    net.conv(1280, 1, 1, 1, true);
    net.window = net.shape.height;
    net.conv(classes, 1, 1, 1, false);
    net.finish()
}

struct Network {
    graph: Graph<Fixed>,
    last: NodeId,
    shape: Planes,
    window: usize,
    pending: Option<(FixedLayer, Vec<NodeId>)>,
}

impl Network {
    fn new(shape: Planes) -> Self {
        let mut graph = Graph::new();
        let range = ValueRange { lo: -128, hi: 127, source: RangeSource::WorstCase };
        let last =
            graph.add(Fixed::Input(FixedInput { shape, scale: PerChannel::uniform(6), range, stored: None }), &[]);
        Self { graph, last, shape, window: 1, pending: None }
    }

    fn bottleneck(&mut self, expansion: usize, channels: usize, stride: usize) {
        self.flush();
        let (start, before) = (self.last, self.shape);
        let inner = before.channels * expansion;
        if expansion > 1 {
            self.conv(inner, 1, 1, 1, true);
        }
        self.conv(inner, 3, stride, inner, true);
        self.conv(channels, 1, 1, 1, false);
        let residual = stride == 1 && before.channels == channels;
        if let Some((layer, sources)) = self.pending.as_mut().filter(|_| residual) {
            layer.terms.push(Move::plain(1 << 8).into());
            sources.push(start);
        }
    }

    fn conv(&mut self, outputs: usize, size: usize, stride: usize, groups: usize, rectify: bool) {
        self.flush();
        let kernel = Array4::zeros((outputs, self.shape.channels / groups, size, size));
        let pad = (size - 1) / 2;
        let padding = Padding { top: pad, left: pad, bottom: pad, right: pad };
        let (input, window) = (self.shape, self.window);
        let bias = vec![0; outputs];
        let kernel = Kernel { input, window, weights: kernel, groups, stride, padding };
        self.shape = kernel.output();
        self.window = 1;
        let clamp = if rectify { Clamp { lo: Some(0), hi: Some(255) } } else { Clamp::none() };
        let activation = FixedActivation::Clamp(clamp);
        let range = ValueRange { lo: -1024, hi: 1023, source: RangeSource::Calibrated };
        let layer = FixedLayer {
            name: format!("layer{}", self.graph.len()),
            output: self.shape,
            terms: vec![kernel.into()],
            bias,
            finish: FixedFinish {
                weight_bits: 9,
                accumulator_scale: PerChannel::uniform(14),
                kind: OutputKind::Requantise { shift: PerChannel::uniform(8), activation, range },
            },
        };
        self.pending = Some((layer, vec![self.last]));
    }

    fn flush(&mut self) {
        if let Some((layer, sources)) = self.pending.take() {
            self.last = self.graph.add(Fixed::Layer(layer), &sources);
        }
    }

    fn finish(mut self) -> Graph<Fixed> {
        if let Some((layer, _)) = &mut self.pending {
            layer.finish.kind = OutputKind::Raw;
        }
        self.flush();
        self.graph
    }
}

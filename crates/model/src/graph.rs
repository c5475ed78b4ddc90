//! A layer graph over petgraph: nodes of one stage, edges from producer to consumer.
//!
//! It knows the shape of a graph, not the meaning of its nodes.

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};
use serde::{Deserialize, Serialize};

/// A node's place in its graph.
pub type NodeId = NodeIndex<u32>;

/// A directed acyclic graph whose nodes are added after their inputs, so that insertion order is a
/// topological order. The first node is the graph's input, the last its output.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Graph<N> {
    dag: DiGraph<N, usize>,
}

impl<N> Default for Graph<N> {
    fn default() -> Self {
        Self { dag: DiGraph::new() }
    }
}

impl<N> Graph<N> {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a node that reads `inputs`, in that order.
    pub fn add(&mut self, node: N, inputs: &[NodeId]) -> NodeId {
        let id = self.dag.add_node(node);
        for (slot, &input) in inputs.iter().enumerate() {
            self.dag.add_edge(input, id, slot);
        }
        id
    }

    /// Every node with its place, producers first.
    pub fn nodes(&self) -> impl DoubleEndedIterator<Item = (NodeId, &N)> {
        self.dag.node_indices().map(|id| (id, &self.dag[id]))
    }

    /// Every node, producers first.
    pub(crate) fn nodes_mut(&mut self) -> impl Iterator<Item = &mut N> {
        self.dag.node_weights_mut()
    }

    /// The node at `id`.
    pub fn node(&self, id: NodeId) -> &N {
        &self.dag[id]
    }

    /// What `id` reads, by slot.
    pub fn inputs(&self, id: NodeId) -> Vec<NodeId> {
        let mut edges: Vec<_> = self
            .dag
            .edges_directed(id, Direction::Incoming)
            .map(|edge| (*edge.weight(), petgraph::visit::EdgeRef::source(&edge)))
            .collect();
        edges.sort_unstable();
        edges.into_iter().map(|(_, source)| source).collect()
    }

    /// How many nodes read `id`.
    pub fn consumers(&self, id: NodeId) -> usize {
        self.dag.edges_directed(id, Direction::Outgoing).count()
    }

    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.dag.node_count()
    }

    /// Whether the graph has no node.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

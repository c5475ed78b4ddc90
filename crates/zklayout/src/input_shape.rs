//! What a model takes as input: the file's inputs that are read, one after the other. It knows names and extents, and no values
//! but those that inputs always have.

use zklayout_model::Planes;
use zklayout_plan::{InputMode, NamedInput, Plan};

/// What a model takes as input.
#[derive(Clone, Debug, PartialEq)]
pub struct InputShape {
    /// The planes of the whole.
    pub planes: Planes,
    /// The inputs that lie in it, one after the other; none if only the planes are known.
    pub parts: Vec<InputPart>,
    /// Names of inputs that nothing reads: what is given for them is left out.
    pub unread: Vec<String>,
    /// Inputs that have one value only, and that value: what is given for them must be it.
    pub fixed: Vec<(String, Vec<f64>)>,
    /// Whether the parts are to be given by name: some of them are public and come first, which is not the file's order.
    pub by_name: bool,
}

/// One of a model's inputs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputPart {
    /// Its name.
    pub name: String,
    /// Its extents, the slowest axis first.
    pub dims: Vec<usize>,
}

impl InputPart {
    /// Number of values.
    pub fn values(&self) -> usize {
        self.dims.iter().product()
    }
}

impl From<Planes> for InputShape {
    fn from(planes: Planes) -> Self {
        Self { planes, parts: Vec::new(), unread: Vec::new(), fixed: Vec::new(), by_name: false }
    }
}

impl InputShape {
    /// What a plan takes as input, flat: the inputs that it names, or its planes.
    pub fn of_plan(plan: &Plan) -> Self {
        let part = |input: &NamedInput| InputPart { name: input.name.clone(), dims: vec![input.values] };
        let parts: Vec<InputPart> = plan.inputs.iter().map(part).collect();
        Self { by_name: !parts.is_empty(), parts, ..plan.input_shape.into() }
    }

    /// Number of values.
    pub fn values(&self) -> usize {
        self.planes.len()
    }

    /// How the input is held where the named parts are public and the others private, and what a plan says of that. The named ones must
    /// come first ([`OnnxOptions::first_inputs`](crate::OnnxOptions)).
    ///
    /// # Errors
    /// A name that no part has, or parts that do not come first.
    pub fn public(&self, names: &[String]) -> Result<(InputMode, Vec<NamedInput>), String> {
        let known: Vec<&str> = self.parts.iter().map(|part| part.name.as_str()).collect();
        if let Some(name) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(match (known.is_empty(), self.unread.contains(name)) {
                (true, _) => format!("there is no input {name:?}: the model's file names none"),
                (_, true) => format!("nothing reads the input {name:?}; those that are read are {known:?}"),
                (_, false) => format!("there is no input {name:?}; the model's are {known:?}"),
            });
        }
        let named = |part: &InputPart| {
            let (name, values) = (part.name.clone(), part.values());
            NamedInput { public: names.contains(&name), name, values }
        };
        let inputs: Vec<NamedInput> = self.parts.iter().map(named).collect();
        if inputs.iter().all(|input| input.public) {
            return Ok((InputMode::Public, Vec::new()));
        }
        let first = inputs.iter().take_while(|input| input.public);
        let values: usize = first.clone().map(|input| input.values).sum();
        let plane = self.planes.plane().max(1);
        if inputs.iter().filter(|input| input.public).count() != first.count() || !values.is_multiple_of(plane) {
            return Err(format!("inputs that are public come first, and the model's are {known:?}"));
        }
        Ok((InputMode::First(values / plane), inputs))
    }

    /// Refuses a plan whose inputs have other names or other sizes, or lie in another order: what it shows would be called something else.
    ///
    /// # Errors
    /// The inputs of both.
    pub fn check_plan(&self, plan: &Plan) -> Result<(), String> {
        let of_plan: Vec<(&str, usize)> =
            plan.inputs.iter().map(|input| (input.name.as_str(), input.values)).collect();
        let own: Vec<(&str, usize)> = self.parts.iter().map(|part| (part.name.as_str(), part.values())).collect();
        if of_plan.is_empty() || of_plan == own {
            return Ok(());
        }
        Err(format!("the plan names the inputs {of_plan:?} with so many values, the model's are {own:?}"))
    }

    /// Extents of each part, those of the planes if there are no parts.
    pub(crate) fn extents(&self) -> Vec<Vec<usize>> {
        let Planes { channels, height, width } = self.planes;
        match &self.parts[..] {
            [] => vec![vec![channels, height, width]],
            parts => parts.iter().map(|part| part.dims.clone()).collect(),
        }
    }
}

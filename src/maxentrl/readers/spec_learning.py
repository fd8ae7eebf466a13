"""The tables ``[reward]`` and ``[fit]`` of a SPEC file: what is learnt, and how."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from maxentrl.readers.spec_table import NonNegative, Positive, Table


class Prior(Table):
    """A Gaussian on each free parameter."""

    standard_deviation: Positive | dict[str, Positive]
    """One for all, or one a feature (those not named have none)."""
    mean: float | dict[str, float] = 0.0
    """Where it is centred."""


Output: TypeAlias = Literal["cost", "any-sign"]
Activation: TypeAlias = Literal["tanh", "relu", "softplus", "gelu"]
Count: TypeAlias = Annotated[int, Field(ge=1)]
Seed: TypeAlias = Annotated[int, Field(ge=0)]


class PerceptronNetwork(Table):
    """A multilayer perceptron over features of the state, of the move and of the state where it leads."""

    kind: Literal["perceptron"]
    """`"perceptron"`."""
    features: tuple[str, ...] | None = None
    """State features that it is shown, by name or pattern; all of the world's unless given."""
    pair_features: tuple[str, ...] = ()
    """State-action features that it is shown."""
    arrival_features: tuple[str, ...] = ()
    """State features of the next state that it is shown."""
    steps: Count | None = None
    """Decisions T of a finite horizon, for a reward that is shown the time too."""
    width: Count = 32
    """Units of each hidden layer."""
    depth: Annotated[int, Field(ge=0)] = 2
    """Hidden layers."""
    activation: Activation = "tanh"
    """Of the hidden layers."""
    output: Output | None = None
    """`"cost"`: every decision costs something (the default where time is to a goal); `"any-sign"`: any number."""
    terminal: Literal["shared", "none"] = "none"
    """What the last state of a walk pays: as a decision in it does, or nothing."""
    seed: Seed = 0
    """Seed of the first weights."""


class ConvolutionalNetwork(Table):
    """Convolutions of a grid's layers, one reward a cell; the same weights serve maps of any size."""

    kind: Literal["convolutional"]
    """`"convolutional"`."""
    features: tuple[str, ...] | None = None
    """Layers that it is shown, by name or pattern; all of the world's unless given."""
    channels: Annotated[tuple[Count, ...], Field(min_length=1)] = (16, 16)
    """Channels of each hidden layer."""
    kernels: Annotated[tuple[Count, ...], Field(min_length=1)] = (1, 3)
    """Side of each hidden layer's filters in cells, odd."""
    activation: Activation = "tanh"
    """Of the hidden layers."""
    output: Output | None = None
    """`"cost"`: every decision costs something (the default where time is to a goal); `"any-sign"`: any number."""
    terminal: Literal["shared", "none"] = "none"
    """What the last state of a walk pays: as a decision in it does, or nothing."""
    seed: Seed = 0
    """Seed of the first weights."""


class OwnNetwork(Table):
    """Your own differentiable reward: a Python file, which is run; so use only files that you trust."""

    kind: Literal["module"]
    """`"module"`."""
    file: str
    """Python file."""
    function: str = "reward"
    """Name of the function in it that takes a world and the seed and returns a reward, such as
    `NetworkReward.of(module, MapInputs.of(world))`."""
    seed: Seed = 0
    """Seed of the first weights, handed to the function."""


NetworkTable: TypeAlias = Annotated[PerceptronNetwork | ConvolutionalNetwork | OwnNetwork, Field(discriminator="kind")]


class Reward(Table):
    """Features that the reward weighs, what is known about their weights, and a network that is added to them.

    Where a table goes by feature, names are those of the features, or patterns; the weights of a network have none.
    """

    features: tuple[str, ...] | None = None
    """State features, by name or pattern (`"grass*"`); all of the world's unless given, or none beside a network."""
    pair_features: tuple[str, ...] = ()
    """State-action features, such as `"distance"`."""
    terminal: Literal["shared", "none"] | tuple[str, ...] = "shared"
    """What the last state of a walk pays: the state features with the same weights, nothing, or these features with
    weights of their own, named `end:<feature>`."""
    constant: bool = False
    """Adds the feature `constant`, one for every decision: the cost of a step."""
    bounds: dict[str, tuple[float, float]] = Field(default={})
    """Smallest and largest weight by feature or pattern: `{"*" = [0, inf]}`."""
    fixed: dict[str, float] = Field(default={})
    """Weights that are known."""
    tied: tuple[tuple[str, ...], ...] = ()
    """Groups of features that share one weight."""
    prior: Prior | None = None
    """A Gaussian prior on the weights of the features."""
    network: NetworkTable | None = None
    """A network whose reward is added to that of the features."""
    start: dict[str, float] = Field(default={})
    """Where the search begins; zero unless given, or a feasible point where zero is none."""
    truth: dict[str, float] = Field(default={})
    """Weights known from elsewhere, printed beside the estimates; simulated walks know theirs."""


class WalkBatchTable(Table):
    """Walks at random."""

    walks: Count
    """Walks a batch."""


class GoalBatchTable(Table):
    """All walks to a few goals."""

    goals: Count
    """Goals a batch."""


class Training(Table):
    """How a reward is trained by gradient steps, with `optimiser = "adam"`."""

    learning_rate: Positive = 0.01
    """Of Adam, in weights a step."""
    steps: Count = 500
    """Steps taken at most."""
    batches: Literal["all", "scenes"] | WalkBatchTable | GoalBatchTable = "all"
    """Walks of one step: `"all"`, one of the `"scenes"` with all its walks, `{walks = 32}` at random, or all walks to
    `{goals = 4}`. A batch counts for all walks, so that its gradient is unbiased."""
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the walks to be fitted that training does not see, on which it is stopped early; 0 for none."""
    every: Count = 10
    """Steps between two looks at them."""
    patience: Count = 10
    """Looks without a likelier one after which training ends."""
    weight_decay: NonNegative = 0.0
    """λ of −½ λ Σ w² on the weights of the network, in nats over all walks."""
    members: Count = 1
    """Networks trained, each from a seed of its own; where they disagree the walks leave the reward open."""
    seed: Seed = 0
    """Seed of batches and of the choice of walks to validate on."""


class FitSettings(Table):
    """How the weights are learnt."""

    objective: Literal["feature-matching", "likelihood"] | None = None
    """`"feature-matching"` (the default; maximum causal entropy) or the conditional `"likelihood"` of the moves (the
    default under a discount)."""
    optimiser: Literal["l-bfgs-b", "newton", "adam", "textbook"] | None = None
    """Quasi-Newton with bounds (the default), Newton with the exact Hessian, Adam in gradient steps (the default with a
    network), or the textbook loop of messages and gradient steps."""
    training: Training | None = None
    """What gradient steps take."""
    tolerance: Positive = 1e-6
    """Largest gradient, per walk, at which the search ends."""
    max_evaluations: Annotated[int, Field(ge=1)] = 1000
    """Most evaluations of objective and gradient."""
    step_size: Positive = 0.1
    """Step of the textbook loop, in weight² per nat."""
    temperature: NonNegative = 1.0
    """τ; weights are in its units, so leave it at one unless comparing."""
    entropy: Literal["causal", "trajectory-level"] = "causal"
    """Whose entropy: of the moves given what was seen, or of whole walks."""

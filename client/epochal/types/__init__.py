"""The types of the API, by name. A module is imported when one of its names is used.

Written by `make sdk` from the OpenAPI document of the API: change the schemas there, not this file.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from epochal.types.architectures import CifarResNet as CifarResNet
    from epochal.types.architectures import CifarResNext as CifarResNext
    from epochal.types.architectures import PyramidNet as PyramidNet
    from epochal.types.architectures import ResNet as ResNet
    from epochal.types.architectures import ResNext as ResNext
    from epochal.types.architectures import WideResNet as WideResNet
    from epochal.types.attempts import Attempt as Attempt
    from epochal.types.attempts import QueuePlace as QueuePlace
    from epochal.types.attempts import RunFacts as RunFacts
    from epochal.types.attempts import StepChoice as StepChoice
    from epochal.types.attempts import StepTiming as StepTiming
    from epochal.types.audits import Audit as Audit
    from epochal.types.audits import AuditAccuracy as AuditAccuracy
    from epochal.types.audits import AuditClass as AuditClass
    from epochal.types.audits import AuditError as AuditError
    from epochal.types.audits import AuditJob as AuditJob
    from epochal.types.audits import AuditLinks as AuditLinks
    from epochal.types.audits import AuditProgress as AuditProgress
    from epochal.types.audits import AuditResult as AuditResult
    from epochal.types.audits import AuditSuspect as AuditSuspect
    from epochal.types.augmentation import Augmentation as Augmentation
    from epochal.types.augmentation import AugmentationInput as AugmentationInput
    from epochal.types.augmentation import AutoAugment as AutoAugment
    from epochal.types.augmentation import Colour as Colour
    from epochal.types.augmentation import Crop as Crop
    from epochal.types.augmentation import CutMix as CutMix
    from epochal.types.augmentation import Cutout as Cutout
    from epochal.types.augmentation import Erasing as Erasing
    from epochal.types.augmentation import Mixup as Mixup
    from epochal.types.augmentation import PolicyName as PolicyName
    from epochal.types.augmentation import PolicySpec as PolicySpec
    from epochal.types.augmentation import RandAugment as RandAugment
    from epochal.types.augmentation import ResizedCrop as ResizedCrop
    from epochal.types.augmentation import Rotation as Rotation
    from epochal.types.augmentation import TrivialAugment as TrivialAugment
    from epochal.types.bodies import AliasMove as AliasMove
    from epochal.types.bodies import AuditChoice as AuditChoice
    from epochal.types.bodies import AuditCreate as AuditCreate
    from epochal.types.bodies import AugmentedSamples as AugmentedSamples
    from epochal.types.bodies import ConfusionCell as ConfusionCell
    from epochal.types.bodies import DatasetEdit as DatasetEdit
    from epochal.types.bodies import DatasetEdits as DatasetEdits
    from epochal.types.bodies import DatasetImport as DatasetImport
    from epochal.types.bodies import EvaluationCreate as EvaluationCreate
    from epochal.types.bodies import ExperimentRun as ExperimentRun
    from epochal.types.bodies import ExportCreate as ExportCreate
    from epochal.types.bodies import JobChange as JobChange
    from epochal.types.bodies import JobCreate as JobCreate
    from epochal.types.bodies import JobRerun as JobRerun
    from epochal.types.bodies import KeyCreate as KeyCreate
    from epochal.types.bodies import LinksCreate as LinksCreate
    from epochal.types.bodies import ModelVersionCreate as ModelVersionCreate
    from epochal.types.bodies import PredictionRequest as PredictionRequest
    from epochal.types.bodies import ProjectCreate as ProjectCreate
    from epochal.types.bodies import Quotas as Quotas
    from epochal.types.bodies import RepeatsChange as RepeatsChange
    from epochal.types.bodies import Retention as Retention
    from epochal.types.bodies import SweepCreate as SweepCreate
    from epochal.types.bodies import UploadCreate as UploadCreate
    from epochal.types.bodies import WebhookChange as WebhookChange
    from epochal.types.bodies import WebhookCreate as WebhookCreate
    from epochal.types.catalogue import Architecture as Architecture
    from epochal.types.catalogue import NetworkSize as NetworkSize
    from epochal.types.catalogue import Recipe as Recipe
    from epochal.types.catalogue import RecipeResult as RecipeResult
    from epochal.types.comparison import ComparedJob as ComparedJob
    from epochal.types.comparison import Comparison as Comparison
    from epochal.types.comparison import Curves as Curves
    from epochal.types.comparison import Difference as Difference
    from epochal.types.comparison import RepeatedJob as RepeatedJob
    from epochal.types.comparison import Repeats as Repeats
    from epochal.types.comparison import Spread as Spread
    from epochal.types.comparison import Spreads as Spreads
    from epochal.types.comparison import Verdict as Verdict
    from epochal.types.dataset_reports import ClassCount as ClassCount
    from epochal.types.dataset_reports import DatasetFinding as DatasetFinding
    from epochal.types.dataset_reports import DatasetReport as DatasetReport
    from epochal.types.dataset_reports import FindingExample as FindingExample
    from epochal.types.dataset_reports import ImageSizes as ImageSizes
    from epochal.types.datasets import Dataset as Dataset
    from epochal.types.datasets import DatasetImage as DatasetImage
    from epochal.types.datasets import DatasetImageLinks as DatasetImageLinks
    from epochal.types.datasets import DatasetProgress as DatasetProgress
    from epochal.types.datasets import DatasetVersion as DatasetVersion
    from epochal.types.datasets import DatasetVersionError as DatasetVersionError
    from epochal.types.datasets import DatasetVersionLinks as DatasetVersionLinks
    from epochal.types.datasets import DatasetVersionSummary as DatasetVersionSummary
    from epochal.types.diagnosis import Diagnosis as Diagnosis
    from epochal.types.diagnosis import Finding as Finding
    from epochal.types.diagnosis import Forecast as Forecast
    from epochal.types.diagnosis import Suggestion as Suggestion
    from epochal.types.estimates import DataShape as DataShape
    from epochal.types.estimates import DeviceEstimate as DeviceEstimate
    from epochal.types.estimates import DryRun as DryRun
    from epochal.types.estimates import MemoryEstimate as MemoryEstimate
    from epochal.types.estimates import MemoryParts as MemoryParts
    from epochal.types.estimates import Pace as Pace
    from epochal.types.estimates import Span as Span
    from epochal.types.estimates import SpecConflict as SpecConflict
    from epochal.types.evaluations import AccuracyInterval as AccuracyInterval
    from epochal.types.evaluations import Calibration as Calibration
    from epochal.types.evaluations import CalibrationFigures as CalibrationFigures
    from epochal.types.evaluations import ConfusedPair as ConfusedPair
    from epochal.types.evaluations import Confusion as Confusion
    from epochal.types.evaluations import EvaluatedClass as EvaluatedClass
    from epochal.types.evaluations import EvaluatedImage as EvaluatedImage
    from epochal.types.evaluations import EvaluatedMeans as EvaluatedMeans
    from epochal.types.evaluations import Evaluation as Evaluation
    from epochal.types.evaluations import EvaluationFigures as EvaluationFigures
    from epochal.types.evaluations import ModelEvaluation as ModelEvaluation
    from epochal.types.evaluations import ModelEvaluationLinks as ModelEvaluationLinks
    from epochal.types.evaluations import ModelEvaluationSummary as ModelEvaluationSummary
    from epochal.types.evaluations import Reliability as Reliability
    from epochal.types.evaluations import ReliabilityBin as ReliabilityBin
    from epochal.types.files import Checkpoint as Checkpoint
    from epochal.types.files import Link as Link
    from epochal.types.files import Links as Links
    from epochal.types.files import MlflowRun as MlflowRun
    from epochal.types.jobs import Job as Job
    from epochal.types.jobs import JobDataset as JobDataset
    from epochal.types.jobs import JobDeleted as JobDeleted
    from epochal.types.jobs import JobError as JobError
    from epochal.types.jobs import JobLinks as JobLinks
    from epochal.types.jobs import JobProgress as JobProgress
    from epochal.types.jobs import JobSummary as JobSummary
    from epochal.types.jobs import Predictions as Predictions
    from epochal.types.jobs import Progress as Progress
    from epochal.types.jobs import StreamReset as StreamReset
    from epochal.types.jobs import SummaryBest as SummaryBest
    from epochal.types.jobs import SummaryEpoch as SummaryEpoch
    from epochal.types.jobs import Weights as Weights
    from epochal.types.keys import Key as Key
    from epochal.types.keys import NewKey as NewKey
    from epochal.types.manifests import CurveList as CurveList
    from epochal.types.manifests import JobCurves as JobCurves
    from epochal.types.manifests import JobManifest as JobManifest
    from epochal.types.manifests import ManifestCheckpoint as ManifestCheckpoint
    from epochal.types.manifests import ManifestJob as ManifestJob
    from epochal.types.manifests import MetricsTable as MetricsTable
    from epochal.types.manifests import ModelFileOfJob as ModelFileOfJob
    from epochal.types.manifests import StartingWeights as StartingWeights
    from epochal.types.metrics import BestEpoch as BestEpoch
    from epochal.types.metrics import EpochLayers as EpochLayers
    from epochal.types.metrics import EpochRow as EpochRow
    from epochal.types.metrics import Event as Event
    from epochal.types.metrics import JobEvent as JobEvent
    from epochal.types.metrics import LayerSignals as LayerSignals
    from epochal.types.metrics import StepRow as StepRow
    from epochal.types.models import ExportLinks as ExportLinks
    from epochal.types.models import ModelAlias as ModelAlias
    from epochal.types.models import ModelAliasMove as ModelAliasMove
    from epochal.types.models import ModelDataset as ModelDataset
    from epochal.types.models import ModelExport as ModelExport
    from epochal.types.models import ModelFile as ModelFile
    from epochal.types.models import ModelInput as ModelInput
    from epochal.types.models import ModelLinks as ModelLinks
    from epochal.types.models import ModelMetrics as ModelMetrics
    from epochal.types.models import ModelSource as ModelSource
    from epochal.types.models import ModelTaskError as ModelTaskError
    from epochal.types.models import ModelTaskProgress as ModelTaskProgress
    from epochal.types.models import ModelVersion as ModelVersion
    from epochal.types.models import ModelVersionName as ModelVersionName
    from epochal.types.models import TrainedModel as TrainedModel
    from epochal.types.models import TrainedModelSummary as TrainedModelSummary
    from epochal.types.optimizers import Adadelta as Adadelta
    from epochal.types.optimizers import Adagrad as Adagrad
    from epochal.types.optimizers import Adam as Adam
    from epochal.types.optimizers import AdamW as AdamW
    from epochal.types.optimizers import GradientDescent as GradientDescent
    from epochal.types.optimizers import HeavyBall as HeavyBall
    from epochal.types.optimizers import Lamb as Lamb
    from epochal.types.optimizers import Lion as Lion
    from epochal.types.optimizers import Muon as Muon
    from epochal.types.optimizers import NAdam as NAdam
    from epochal.types.optimizers import Nesterov as Nesterov
    from epochal.types.optimizers import RmsProp as RmsProp
    from epochal.types.optimizers import Sam as Sam
    from epochal.types.optimizers import Sgd as Sgd
    from epochal.types.predictions import PredictedImage as PredictedImage
    from epochal.types.predictions import PredictedLabel as PredictedLabel
    from epochal.types.predictions import PredictionAnswer as PredictionAnswer
    from epochal.types.predictions import PredictionModel as PredictionModel
    from epochal.types.problems import InvalidPart as InvalidPart
    from epochal.types.problems import Problem as Problem
    from epochal.types.problems import ProblemKind as ProblemKind
    from epochal.types.projects import Caller as Caller
    from epochal.types.projects import CallerKey as CallerKey
    from epochal.types.projects import Project as Project
    from epochal.types.projects import ProjectRetention as ProjectRetention
    from epochal.types.projects import Removals as Removals
    from epochal.types.projects import Usage as Usage
    from epochal.types.schedules import Constant as Constant
    from epochal.types.schedules import Cosine as Cosine
    from epochal.types.schedules import Exponential as Exponential
    from epochal.types.schedules import Linear as Linear
    from epochal.types.schedules import MultiStep as MultiStep
    from epochal.types.schedules import OneCycle as OneCycle
    from epochal.types.schedules import Plateau as Plateau
    from epochal.types.schedules import Polynomial as Polynomial
    from epochal.types.schedules import RangeTest as RangeTest
    from epochal.types.schedules import StepDecay as StepDecay
    from epochal.types.schedules import WarmRestarts as WarmRestarts
    from epochal.types.service import Live as Live
    from epochal.types.service import Ready as Ready
    from epochal.types.specs import ArchitectureName as ArchitectureName
    from epochal.types.specs import ArchitectureSpec as ArchitectureSpec
    from epochal.types.specs import Checkpoints as Checkpoints
    from epochal.types.specs import EarlyStopping as EarlyStopping
    from epochal.types.specs import Ema as Ema
    from epochal.types.specs import OptimizerName as OptimizerName
    from epochal.types.specs import OptimizerSpec as OptimizerSpec
    from epochal.types.specs import Regularisation as Regularisation
    from epochal.types.specs import ResolvedSpec as ResolvedSpec
    from epochal.types.specs import ScheduleName as ScheduleName
    from epochal.types.specs import ScheduleSpec as ScheduleSpec
    from epochal.types.specs import Swa as Swa
    from epochal.types.specs import TrainingSpec as TrainingSpec
    from epochal.types.specs import ValidationFold as ValidationFold
    from epochal.types.sweeps import Answer as Answer
    from epochal.types.sweeps import AnsweredExpectation as AnsweredExpectation
    from epochal.types.sweeps import AnsweredTrial as AnsweredTrial
    from epochal.types.sweeps import AnswerLinks as AnswerLinks
    from epochal.types.sweeps import Experiment as Experiment
    from epochal.types.sweeps import ExperimentList as ExperimentList
    from epochal.types.sweeps import ExperimentPreset as ExperimentPreset
    from epochal.types.sweeps import ExperimentTrial as ExperimentTrial
    from epochal.types.sweeps import Sweep as Sweep
    from epochal.types.sweeps import SweepLinks as SweepLinks
    from epochal.types.sweeps import SweepProgress as SweepProgress
    from epochal.types.sweeps import SweepSummary as SweepSummary
    from epochal.types.sweeps import Trial as Trial
    from epochal.types.sweeps import TrialMetrics as TrialMetrics
    from epochal.types.uploads import Upload as Upload
    from epochal.types.uploads import UploadLinks as UploadLinks
    from epochal.types.webhooks import Webhook as Webhook
    from epochal.types.webhooks import WebhookDelivery as WebhookDelivery
    from epochal.types.webhooks import WebhookWithSecret as WebhookWithSecret
    from epochal.types.words import AuditStatus as AuditStatus
    from epochal.types.words import JobStatus as JobStatus
    from epochal.types.words import Request as Request
    from epochal.types.words import SweepStatus as SweepStatus
    from epochal.types.words import VersionStatus as VersionStatus
    from epochal.types.workers import QueuedJob as QueuedJob
    from epochal.types.workers import Worker as Worker

_NAMES = {
    "architectures": ("CifarResNet CifarResNext PyramidNet ResNet ResNext WideResNet"),
    "attempts": ("Attempt QueuePlace RunFacts StepChoice StepTiming"),
    "audits": ("Audit AuditAccuracy AuditClass AuditError AuditJob AuditLinks AuditProgress AuditResult AuditSuspect"),
    "augmentation": (
        "Augmentation AugmentationInput AutoAugment Colour Crop CutMix Cutout Erasing Mixup PolicyName "
        "PolicySpec RandAugment ResizedCrop Rotation TrivialAugment"
    ),
    "bodies": (
        "AliasMove AuditChoice AuditCreate AugmentedSamples ConfusionCell DatasetEdit DatasetEdits "
        "DatasetImport EvaluationCreate ExperimentRun ExportCreate JobChange JobCreate JobRerun KeyCreate "
        "LinksCreate ModelVersionCreate PredictionRequest ProjectCreate Quotas RepeatsChange Retention "
        "SweepCreate UploadCreate WebhookChange WebhookCreate"
    ),
    "catalogue": ("Architecture NetworkSize Recipe RecipeResult"),
    "comparison": ("ComparedJob Comparison Curves Difference RepeatedJob Repeats Spread Spreads Verdict"),
    "dataset_reports": ("ClassCount DatasetFinding DatasetReport FindingExample ImageSizes"),
    "datasets": (
        "Dataset DatasetImage DatasetImageLinks DatasetProgress DatasetVersion DatasetVersionError "
        "DatasetVersionLinks DatasetVersionSummary"
    ),
    "diagnosis": ("Diagnosis Finding Forecast Suggestion"),
    "estimates": ("DataShape DeviceEstimate DryRun MemoryEstimate MemoryParts Pace Span SpecConflict"),
    "evaluations": (
        "AccuracyInterval Calibration CalibrationFigures ConfusedPair Confusion EvaluatedClass EvaluatedImage "
        "EvaluatedMeans Evaluation EvaluationFigures ModelEvaluation ModelEvaluationLinks "
        "ModelEvaluationSummary Reliability ReliabilityBin"
    ),
    "files": ("Checkpoint Link Links MlflowRun"),
    "jobs": (
        "Job JobDataset JobDeleted JobError JobLinks JobProgress JobSummary Predictions Progress StreamReset "
        "SummaryBest SummaryEpoch Weights"
    ),
    "keys": ("Key NewKey"),
    "manifests": (
        "CurveList JobCurves JobManifest ManifestCheckpoint ManifestJob MetricsTable ModelFileOfJob StartingWeights"
    ),
    "metrics": ("BestEpoch EpochLayers EpochRow Event JobEvent LayerSignals StepRow"),
    "models": (
        "ExportLinks ModelAlias ModelAliasMove ModelDataset ModelExport ModelFile ModelInput ModelLinks "
        "ModelMetrics ModelSource ModelTaskError ModelTaskProgress ModelVersion ModelVersionName TrainedModel "
        "TrainedModelSummary"
    ),
    "optimizers": (
        "Adadelta Adagrad Adam AdamW GradientDescent HeavyBall Lamb Lion Muon NAdam Nesterov RmsProp Sam Sgd"
    ),
    "predictions": ("PredictedImage PredictedLabel PredictionAnswer PredictionModel"),
    "problems": ("InvalidPart Problem ProblemKind"),
    "projects": ("Caller CallerKey Project ProjectRetention Removals Usage"),
    "schedules": (
        "Constant Cosine Exponential Linear MultiStep OneCycle Plateau Polynomial RangeTest StepDecay WarmRestarts"
    ),
    "service": ("Live Ready"),
    "specs": (
        "ArchitectureName ArchitectureSpec Checkpoints EarlyStopping Ema OptimizerName OptimizerSpec "
        "Regularisation ResolvedSpec ScheduleName ScheduleSpec Swa TrainingSpec ValidationFold"
    ),
    "sweeps": (
        "Answer AnswerLinks AnsweredExpectation AnsweredTrial Experiment ExperimentList ExperimentPreset "
        "ExperimentTrial Sweep SweepLinks SweepProgress SweepSummary Trial TrialMetrics"
    ),
    "uploads": ("Upload UploadLinks"),
    "webhooks": ("Webhook WebhookDelivery WebhookWithSecret"),
    "words": ("AuditStatus JobStatus Request SweepStatus VersionStatus"),
    "workers": ("QueuedJob Worker"),
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)

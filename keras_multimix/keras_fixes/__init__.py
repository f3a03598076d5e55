"""The one place for what mends Keras or works around it.

| module | what Keras does | Keras' own issue |
| --- | --- | --- |
| `saving` | opens a file before it has anything to write into it | keras#20463 |
| | saves no random states of layers such as `Dropout` | keras#19796 |
| | skips an optimizer's state if the optimizer was never used | keras#19389 |
| `failed_fit` | loses the variables of a failed `fit` (JAX) | keras#21019, in part |
| | cannot train twice with `use_ema=True` (JAX) | |
| | cannot trace a failed step again (TensorFlow) | |
| `skip_call` | does much around a layer's `call` (PyTorch) | keras#22561 |
| `model_graph` | has no public way into a model's graph | keras#19278 |
| `compiled` | has no public way to the losses and metric functions of `compile` | |
| `tensor_marks` | has no public way to a tensor's mask | |
| | knows the logits behind probabilities in its own losses alone (TensorFlow) | |
| `tensors` | stacks the wrong tensor (TensorFlow) | |
| | masks a loss's weights in place (PyTorch) | |

An issue keras#N is https://github.com/keras-team/keras/issues/N. Each entry has a test
in `tests/keras_fixes/test_still_needed.py`, which fails once Keras has mended the
fault. No other module of the package uses names of Keras that begin with an underscore.
Of the rest of keras_multimix these modules import `keras_multimix.arguments` only.
"""

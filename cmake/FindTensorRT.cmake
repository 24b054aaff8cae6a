# TensorRT's headers and those of CUDA's runtime that they include. The libraries are loaded at run time.
#   TensorRT_ROOT or the environment's TENSORRT_ROOT: where TensorRT was unpacked, with include/NvInfer.h
# Sets TensorRT_FOUND, TensorRT_VERSION, TensorRT_INCLUDE_DIR, TensorRT_CUDA_INCLUDE_DIR, and where it fails
# TensorRT_NOT_FOUND_MESSAGE.
find_path(TensorRT_INCLUDE_DIR NvInfer.h
  HINTS ${TensorRT_ROOT} $ENV{TENSORRT_ROOT} PATH_SUFFIXES include ${CMAKE_LIBRARY_ARCHITECTURE})
find_path(TensorRT_CUDA_INCLUDE_DIR cuda_runtime_api.h
  HINTS $ENV{CUDA_HOME} /usr/local/cuda PATH_SUFFIXES include)
if(TensorRT_INCLUDE_DIR AND EXISTS ${TensorRT_INCLUDE_DIR}/NvInferVersion.h)
  # Release 11 defines NV_TENSORRT_MAJOR by another macro, which ends in _ENTERPRISE.
  file(STRINGS ${TensorRT_INCLUDE_DIR}/NvInferVersion.h _lines REGEX "#define (NV_TENSORRT|TRT)_(MAJOR|MINOR|PATCH)(_ENTERPRISE)? [0-9]+")
  set(TensorRT_VERSION "")
  foreach(part MAJOR MINOR PATCH)
    foreach(line IN LISTS _lines)
      if(line MATCHES "_${part}(_ENTERPRISE)? ([0-9]+)")
        string(APPEND TensorRT_VERSION "${CMAKE_MATCH_2}.")
        break()
      endif()
    endforeach()
  endforeach()
  string(REGEX REPLACE "\\.$" "" TensorRT_VERSION "${TensorRT_VERSION}")
endif()
if(NOT TensorRT_INCLUDE_DIR)
  set(TensorRT_NOT_FOUND_MESSAGE "NvInfer.h was not found (apt: libnvinfer-dev; or set TENSORRT_ROOT)")
elseif(NOT TensorRT_CUDA_INCLUDE_DIR)
  set(TensorRT_NOT_FOUND_MESSAGE "cuda_runtime_api.h was not found (apt: cuda-cudart-dev; or set CUDA_HOME)")
elseif(TensorRT_VERSION VERSION_LESS 10.0)
  set(TensorRT_NOT_FOUND_MESSAGE "TensorRT ${TensorRT_VERSION} in ${TensorRT_INCLUDE_DIR} is older than 10.0")
endif()
if(DEFINED TensorRT_NOT_FOUND_MESSAGE)
  set(TensorRT_FOUND FALSE)
else()
  set(TensorRT_FOUND TRUE)
endif()
mark_as_advanced(TensorRT_INCLUDE_DIR TensorRT_CUDA_INCLUDE_DIR)

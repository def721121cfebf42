# Included by CMake right after project(whisper.cpp), which runs twice.
#
# llama.cpp and whisper.cpp each carry their own ggml. Linked into one program, the linker would take one copy of
# each ggml symbol for both, and the program would crash. So every global symbol of whisper's ggml gets a prefix.
include_guard(GLOBAL)

set(ISOLATE_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/isolate.sh)

function(isolate_whisper_ggml)
  set(ggml_targets)
  foreach(target ggml ggml-base ggml-cpu ggml-cuda ggml-hip ggml-vulkan ggml-metal ggml-blas)
    if(TARGET ${target})
      list(APPEND ggml_targets ${target})
    endif()
  endforeach()
  set(ggml_archives)
  foreach(target IN LISTS ggml_targets)
    list(APPEND ggml_archives $<TARGET_FILE:${target}>)
  endforeach()
  add_custom_target(isolate ALL
    COMMAND sh ${ISOLATE_SCRIPT} ${CMAKE_NM} ${CMAKE_OBJCOPY} ${CMAKE_BINARY_DIR}/isolated-symbols
            $<TARGET_FILE:whisper> ${ggml_archives}
    VERBATIM)
  add_dependencies(isolate whisper ${ggml_targets})
endfunction()

cmake_language(DEFER CALL isolate_whisper_ggml)

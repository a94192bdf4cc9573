-- KEYS: the record.
forget(KEYS[1])
return answer('done')
